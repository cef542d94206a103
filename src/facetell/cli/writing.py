"""What commands write must be written, or it is told why not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facetell.errors import OutputError

STANDARD_OUTPUT = Path("-")
"""As the name of a text file: what is written goes on to the next program."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A full disk, a locked folder: one line instead of a traceback."""
    try:
        yield
    except BrokenPipeError:
        raise  # a reader of standard output who leaves early ends the command, without a word
    except OSError as error:
        name = "standard output" if path == STANDARD_OUTPUT else path
        raise OutputError(
            f"{name} cannot be written: {error.strerror or error}",
            hint="name a place that you may write to and that has room",
        ) from error
