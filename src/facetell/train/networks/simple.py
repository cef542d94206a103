"""Small convolutional networks trained from scratch, as students of the field build them."""

from itertools import pairwise

import torch
from torch import Tensor, nn


def baseline_cnn() -> tuple[nn.Module, int]:
    """Three blocks of convolution and pooling; returns backbone and its channels."""
    layers: list[nn.Module] = []
    for channels, out in pairwise((3, 32, 64, 128)):
        layers += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    return nn.Sequential(*layers), 128


def deep_cnn(dropout: float = 0.25) -> tuple[nn.Module, int]:
    """Five blocks of two convolutions with batch normalisation, pooling and dropout."""
    layers: list[nn.Module] = []
    for channels, out in pairwise((3, 32, 64, 128, 192, 256)):
        layers += [*normalised(channels, out), *normalised(out, out)]
        layers += [nn.MaxPool2d(2), nn.Dropout2d(dropout)]
    return nn.Sequential(*layers), 256


class Hybrid(nn.Module):
    """Two backbones side by side, their features joined along the channels."""

    def __init__(self, one: nn.Module, other: nn.Module) -> None:
        super().__init__()
        self.one, self.other = one, other

    def forward(self, crops: Tensor) -> Tensor:
        one, other = self.one(crops), self.other(crops)
        if one.shape[2:] != other.shape[2:]:  # sides that are no multiple of the stride
            one = nn.functional.adaptive_avg_pool2d(one, other.shape[2:])
        return torch.cat([one, other], dim=1)


def normalised(channels: int, out: int, stride: int = 1) -> list[nn.Module]:
    """A 3x3 convolution with batch normalisation."""
    return [
        nn.Conv2d(channels, out, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
    ]
