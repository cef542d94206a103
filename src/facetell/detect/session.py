"""Open ONNX files on the CPU, from bytes that are hashed, and if wanted ahead of their use.

This file imports next to nothing, so that files can be opened beside all else that has to be
imported.
"""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from facetell.errors import FOLDER, ModelError

WEIGHTS = Path(str(resources.files("facetell"))) / "weights"
DEFAULT_MODEL = WEIGHTS / "default.onnx"
FINDER_FILE = WEIGHTS / "faces.onnx"
REINSTALL = f"name another file with --model, or {FOLDER}: pip install --force-reinstall ."


@dataclass(frozen=True)
class OnnxFile:
    """An ONNX file opened for running. session: ONNX Runtime's. sha256: of the file's bytes."""

    session: Any
    sha256: str


_BEGUN: dict[Path, Future[OnnxFile]] = {}
"""Files that threads are opening; each is given away once."""


def begin_to_open(*paths: Path) -> None:
    """Open files, each in a thread: ONNX Runtime lets go of Python's lock, and the caller imports
    meanwhile what else it needs. `open_onnx` waits for them, and raises what went wrong."""
    import onnxruntime  # noqa: F401 - before the threads begin: imports side by side gain nothing

    pool = ThreadPoolExecutor(len(paths), thread_name_prefix="facetell-open")
    for path in paths:
        _BEGUN[path] = pool.submit(_open, path)
    pool.shutdown(wait=False)


def open_onnx(path: Path) -> OnnxFile:
    """Open a file. Raises ModelError when it is missing, damaged or no ONNX file."""
    begun = _BEGUN.pop(path, None)
    return begun.result() if begun else _open(path)


def _open(path: Path) -> OnnxFile:
    try:
        data = path.read_bytes()
    except IsADirectoryError as error:
        inside = path / "model.onnx"
        raise ModelError(
            f"{path} is a folder, no model file",
            hint=f"name the file: {inside}" if inside.is_file() else "name a model file",
        ) from error
    except OSError as error:
        raise ModelError(
            f"the model file {path} cannot be read: {error.strerror}", hint=REINSTALL
        ) from error
    session = open_session(data, name=str(path))
    return OnnxFile(session, hashlib.sha256(data).hexdigest())


def open_session(data: bytes, name: str = "the model") -> Any:
    """Open ONNX bytes on the CPU, one thread of it for each run. Raises ModelError when they are no
    usable model."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # ONNX Runtime's own threads spin while they wait for each other, and where others use the
    # processor, too, that is slower than no threads.
    options.intra_op_num_threads = 1
    # Pictures of many sizes would each leave their buffers in ONNX Runtime, for good.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 4  # what goes wrong is raised, not printed past us
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    # ONNX Runtime raises a dozen unrelated types for a broken file; all of them mean just that.
    except Exception as error:
        raise ModelError(
            f"{name} is damaged or no ONNX model ({len(data)} bytes)", hint=REINSTALL
        ) from error
    # Its wrapper would keep the bytes for good, to open them anew if a provider failed.
    session._model_bytes = None
    return session
