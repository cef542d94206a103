"""The one model file: ONNX with its weights and its card inside.

Input `crops [N, 3, H, W] float32`; outputs `logit [N]` and `evidence [N, h, w]` with
`mean(evidence) == logit`. Nothing else is ever loaded for judging, and no pickle.
"""

import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from facetell.detect.card import CARD_KEY, AnyCard, ModelCard, parse_card
from facetell.detect.crop import to_tensor
from facetell.errors import ModelError
from facetell.types import FloatArray, UInt8Array

DEFAULT_MODEL = Path(str(resources.files("facetell") / "weights" / "default.onnx"))
_BATCH = 4
"""More crops at once take longer for each: what the layers hand on leaves the processor's cache."""
_REINSTALL = "reinstall facetell, or name another file with --model"


class Model:
    """A model file opened for judging."""

    def __init__(self, session: Any, card: ModelCard, sha256: str, path: Path) -> None:
        self._session = session
        self.card = card
        self.sha256 = sha256
        self.path = path

    @classmethod
    def load(cls, path: Path = DEFAULT_MODEL, threads: int = 1) -> "Model":
        """Open a model file.

        Raises ModelError when it is missing, damaged, foreign, or newer than this code.
        """
        session, card, sha256 = open_file(path, threads, ModelCard)
        _check_contract(session, card, path)
        return cls(session, card, sha256, path)

    def score(self, crops: UInt8Array) -> tuple[FloatArray, FloatArray]:
        """crops: [N, S, S, 3] uint8 RGB, as the card's crop says -> logit [N], evidence [N, h,
        w]."""
        logits, maps = [], []
        for start in range(0, len(crops), _BATCH):
            tensor = to_tensor(crops[start : start + _BATCH], self.card.crop)
            logit, evidence = self._session.run(["logit", "evidence"], {"crops": tensor})
            logits.append(logit)
            maps.append(evidence)
        logit, evidence = np.concatenate(logits), np.concatenate(maps)
        if not np.isfinite(logit).all():
            raise ModelError(
                f"{self.path} gives scores that are no numbers",
                hint="its training failed: " + _REINSTALL,
            )
        return logit, evidence


def open_file(path: Path, threads: int, kind: type[AnyCard]) -> tuple[Any, AnyCard, str]:
    """Open an ONNX file with its card; returns session, card and SHA-256.

    Raises ModelError when it is missing, damaged, foreign, or newer than this code.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"the model file {path} cannot be read: {error.strerror}", hint=_REINSTALL
        ) from error
    session = open_session(data, threads, name=str(path))
    text = session.get_modelmeta().custom_metadata_map.get(CARD_KEY)
    if text is None:
        raise ModelError(
            f"{path} has no facetell card, so its preprocessing and thresholds are unknown",
            hint="use a model that facetell exported",
        )
    return session, parse_card(text, str(path), kind), hashlib.sha256(data).hexdigest()


def open_session(data: bytes, threads: int, name: str = "the model") -> Any:
    """Open ONNX bytes on the CPU. Raises ModelError when they are no usable model."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Pictures of many sizes would each leave their buffers in ONNX Runtime, for good.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 4  # what goes wrong is raised, not printed past us
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    # ONNX Runtime raises a dozen unrelated types for a broken file; all of them mean just that.
    except Exception as error:
        raise ModelError(
            f"{name} is damaged or no ONNX model ({len(data)} bytes)", hint=_REINSTALL
        ) from error


def _check_contract(session: Any, card: ModelCard, path: Path) -> None:
    size = card.crop.size_px
    inputs = {i.name: i.shape[1:] for i in session.get_inputs()}
    outputs = {o.name: len(o.shape) for o in session.get_outputs()}
    if inputs != {"crops": [3, size, size]} or outputs != {"logit": 1, "evidence": 3}:
        raise ModelError(
            f"{path} does not keep the model contract: inputs {inputs}, outputs {outputs}",
            hint="crops [N, 3, H, W] in, logit [N] and evidence [N, h, w] out: export it here",
        )
