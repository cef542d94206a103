"""A published tiny autoencoder as an ONNX file, for `facetell data forge --kind regenerate`."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from facetell.errors import DataError
from facetell.train.export import exported
from facetell.train.networks.detector import load_same_order
from facetell.train.networks.tiny_autoencoder import TinyAutoencoder

EXAMPLE_PX = 128


def autoencoder_bytes(encoder: Path, decoder: Path) -> bytes:
    """ONNX bytes, `pixels [N, 3, H, W] float32 RGB 0..1` -> `regenerated`, of the same shape.

    encoder, decoder: weight files such as `taef2_encoder.pth` and `taef2_decoder.pth`, or
    .safetensors files of them; only tensors are read. Raises DataError when they are no such files.
    """
    code, picture = _tensors(encoder), _tensors(decoder)
    latent = next(reversed(code.values())).shape[0]
    pooled = any("pool" in name for name in code)
    net = TinyAutoencoder(latent, pooled=pooled)
    try:
        _load(net.encoder, code)
        _load(net.decoder, picture)
    except ValueError as error:
        raise DataError(
            f"{encoder} and {decoder} are not the weights of a tiny autoencoder: {error}",
            hint="give a pair from https://github.com/madebyollin/taesd, such as taef2_*.pth",
        ) from error
    pixels = torch.zeros(2, 3, EXAMPLE_PX, 2 * EXAMPLE_PX)
    sides = {2: 8 * torch.export.Dim("h"), 3: 8 * torch.export.Dim("w")}
    shapes = {"pixels": {0: torch.export.Dim("n"), **sides}}
    return exported(net, {"pixels": pixels}, ["regenerated"], shapes)


def _load(part: nn.Module, weights: dict[str, Tensor]) -> None:
    if len(weights) != len(part.state_dict()):
        raise ValueError(f"{len(weights)} tensors for {len(part.state_dict())}")
    load_same_order(part, weights)


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        weights = _read(path)
    # An unpickler fails in many ways on bytes that are none; all of them mean one thing.
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as weights ({type(error).__name__})",
            hint="give a .pth or .safetensors file, whole",
        ) from error
    if not isinstance(weights, dict) or not weights:
        raise DataError(f"{path} holds no weights", hint="give a file of tensors")
    return weights


def _read(path: Path) -> dict[str, Tensor]:
    """Tensors by name, in the order of the layers."""
    if path.suffix != ".safetensors":
        weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return weights
    return dict(sorted(load_file(path).items(), key=_place))


def _place(named: tuple[str, Tensor]) -> tuple[list[tuple[int, str]], bool]:
    """Of a tensor called `10.conv.2.weight`; its file has it in the order of the alphabet."""
    *layers, tensor = named[0].split(".")
    return [(int(part) if part.isdigit() else -1, part) for part in layers], tensor != "weight"
