"""Keep decoders from talking past us: libtiff prints to the process's stderr from C."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Python's own stderr goes on as before; what C code writes to file descriptor 2 is dropped.

    What a decoder has to say is in the report of its file already.
    """
    if sys.stderr is not sys.__stderr__ or sys.stderr is None:
        yield  # somebody (a test, a notebook) collects stderr in another way
        return
    sys.stderr.flush()
    ours = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    stream = sys.stderr
    sys.stderr = os.fdopen(ours, "w", encoding=stream.encoding, errors=stream.errors, buffering=1)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(ours, 2)
        sys.stderr.close()
        os.close(nowhere)
        sys.stderr = stream
