"""A published tiny autoencoder as an ONNX file, for `facetell data forge --kind regenerate`."""

from pathlib import Path

import torch
from torch import Tensor, nn

from facetell.errors import DataError
from facetell.train.export import exported
from facetell.train.networks.detector import load_same_order
from facetell.train.networks.tiny_autoencoder import TinyAutoencoder
from facetell.train.networks.weight_file import read_weights

EXAMPLE_PX = 128
REMEDY = "give a pair from https://github.com/madebyollin/taesd, such as taef2_*.pth, whole"


def autoencoder_bytes(encoder: Path, decoder: Path) -> bytes:
    """ONNX bytes, `pixels [N, 3, H, W] float32 RGB 0..1` -> `regenerated`, of the same shape.

    encoder, decoder: weight files such as `taef2_encoder.pth` and `taef2_decoder.pth`, or
    .safetensors files of them; only tensors are read. Raises DataError when they are no such files.
    """
    code, picture = read_weights(encoder, REMEDY), read_weights(decoder, REMEDY)
    latent = next(reversed(code.values())).shape[0]
    pooled = any("pool" in name for name in code)
    net = TinyAutoencoder(latent, pooled=pooled)
    try:
        _load(net.encoder, code)
        _load(net.decoder, picture)
    except ValueError as error:
        raise DataError(
            f"{encoder} and {decoder} are not the weights of a tiny autoencoder: {error}",
            hint=REMEDY,
        ) from error
    pixels = torch.zeros(2, 3, EXAMPLE_PX, 2 * EXAMPLE_PX)
    sides = {2: 8 * torch.export.Dim("h"), 3: 8 * torch.export.Dim("w")}
    shapes = {"pixels": {0: torch.export.Dim("n"), **sides}}
    return exported(net, {"pixels": pixels}, ["regenerated"], shapes)


def _load(part: nn.Module, weights: dict[str, Tensor]) -> None:
    if len(weights) != len(part.state_dict()):
        raise ValueError(f"{len(weights)} tensors for {len(part.state_dict())}")
    load_same_order(part, weights)
