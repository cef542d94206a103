"""Files of weights, read without running anything that they hold."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from facetell.errors import DataError


def read_weights(path: Path, remedy: str) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of one that torch saved, by name; layer by layer.

    Raises DataError, with the remedy, where they cannot be read or there are none.
    """
    try:
        if path.suffix == ".safetensors":
            content = dict(sorted(load_file(path).items(), key=_place))
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    # An unpickler fails in many ways on bytes that are none; all of them mean one thing.
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as weights ({type(error).__name__})", hint=remedy
        ) from error
    weights = content.get("state_dict", content) if isinstance(content, dict) else None
    if not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        raise DataError(f"{path} holds no weights", hint=remedy)
    return dict(weights)


def _place(named: tuple[str, Tensor]) -> tuple[list[tuple[int, str]], bool]:
    """Of a tensor called `10.conv.2.weight`; its file has it in the order of the alphabet."""
    *layers, tensor = named[0].split(".")
    return [(int(part) if part.isdigit() else -1, part) for part in layers], tensor != "weight"
