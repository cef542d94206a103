"""The one model file: ONNX with its weights and its card inside.

Input `crops [N, 3, H, W] float32`; outputs `logit [N]` and `evidence [N, h, w]` with
`mean(evidence) == logit`. Nothing else is ever loaded for judging, and no pickle.
"""

from pathlib import Path
from typing import Any

import numpy as np

from facetell.detect.card import CARD_KEY, AnyCard, ModelCard, parse_card
from facetell.detect.crop import to_tensor
from facetell.detect.session import DEFAULT_MODEL, REINSTALL, open_onnx
from facetell.errors import ModelError
from facetell.types import FloatArray, UInt8Array

_BATCH = 2
"""More crops at once take longer for each: what the layers hand on leaves the processor's cache."""


class Model:
    """A model file opened for judging."""

    def __init__(self, session: Any, card: ModelCard, sha256: str, path: Path) -> None:
        self._session = session
        self.card = card
        self.sha256 = sha256
        self.path = path

    @classmethod
    def load(cls, path: Path = DEFAULT_MODEL) -> "Model":
        """Open a model file.

        Raises ModelError when it is missing, damaged, foreign, or newer than this code.
        """
        session, card, sha256 = open_file(path, ModelCard)
        _check_contract(session, card, path)
        return cls(session, card, sha256, path)

    def score(self, crops: UInt8Array) -> tuple[FloatArray, FloatArray]:
        """crops: [N, S, S, 3] uint8 RGB, as the card's crop says -> logit [N], evidence [N, h,
        w]."""
        logits, maps = [], []
        for start in range(0, len(crops), _BATCH):
            tensors = to_tensor(crops[start : start + _BATCH], self.card.crop)
            logit, evidence = self._session.run(["logit", "evidence"], {"crops": tensors})
            logits.append(logit)
            maps.append(evidence)
        logit, evidence = np.concatenate(logits), np.concatenate(maps)
        if not np.isfinite(logit).all():
            raise ModelError(
                f"{self.path} gives scores that are no numbers",
                hint="its training failed: " + REINSTALL,
            )
        return logit, evidence

    def logits(self, tensors: FloatArray) -> FloatArray:
        """tensors: [N, 3, S, S] float32, normalised as the card's crop says -> logit [N]."""
        parts = [tensors[start : start + _BATCH] for start in range(0, len(tensors), _BATCH)]
        return np.concatenate([self._session.run(["logit"], {"crops": p})[0] for p in parts])


def open_file(path: Path, kind: type[AnyCard]) -> tuple[Any, AnyCard, str]:
    """Open an ONNX file with its card; returns session, card and SHA-256.

    Raises ModelError when it is missing, damaged, foreign, or newer than this code.
    """
    file = open_onnx(path)
    text = file.session.get_modelmeta().custom_metadata_map.get(CARD_KEY)
    if text is None:
        raise ModelError(
            f"{path} has no facetell card, so its preprocessing and thresholds are unknown",
            hint="use a model that facetell exported",
        )
    return file.session, parse_card(text, str(path), kind), file.sha256


def _check_contract(session: Any, card: ModelCard, path: Path) -> None:
    size = card.crop.size_px
    inputs = {i.name: i.shape[1:] for i in session.get_inputs()}
    outputs = {o.name: len(o.shape) for o in session.get_outputs()}
    if inputs != {"crops": [3, size, size]} or outputs != {"logit": 1, "evidence": 3}:
        raise ModelError(
            f"{path} does not keep the model contract: inputs {inputs}, outputs {outputs}",
            hint="crops [N, 3, H, W] in, logit [N] and evidence [N, h, w] out: export it here",
        )
