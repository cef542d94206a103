"""Published detectors, written from their papers' descriptions, to be trained beside ours.

Each is a backbone whose features are averaged and weighted by one last layer, as all detectors here
are; where the original had more behind its features, the docstring says so.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from facetell.train.networks.simple import normalised


def meso4() -> tuple[nn.Module, int]:
    """MesoNet's Meso-4 (Afchar et al. 2018, https://arxiv.org/abs/1809.00888).

    Its dense layer of 16 over all places is a 1x1 convolution here, so any crop size will do.
    """
    layers: list[nn.Module] = []
    for channels, out, kernel, pool in ((3, 8, 3, 2), (8, 8, 5, 2), (8, 16, 5, 2), (16, 16, 5, 4)):
        layers += [
            nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(out),
            nn.MaxPool2d(pool),
        ]
    return nn.Sequential(*layers, nn.Dropout2d(0.5), nn.Conv2d(16, 16, 1), nn.LeakyReLU(0.1)), 16


class NeighbourResidual(nn.Module):
    """What differs within squares of two by two pixels: the picture less its every second pixel,
    repeated."""

    def forward(self, crops: Tensor) -> Tensor:
        halved = crops[:, :, ::2, ::2]
        repeated = functional.interpolate(halved, size=crops.shape[2:], mode="nearest")
        return (crops - repeated) * (2 / 3)


def npr() -> tuple[nn.Module, int]:
    """NPR (Tan et al. 2024, https://arxiv.org/abs/2312.10461): the neighbour residual in the first
    half of a ResNet-50."""
    import timm

    net: Any = timm.create_model("resnet50", pretrained=False, num_classes=0)
    return nn.Sequential(
        NeighbourResidual(),
        *normalised(3, 64, stride=2),
        nn.MaxPool2d(3, stride=2, padding=1),
        net.layer1,
        net.layer2,
    ), 512


def _shortcut(channels: int, out: int, stride: int) -> nn.Module:
    if stride == 1 and channels == out:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))


class _Bottleneck(nn.Module):
    """1x1, k x k without padding, 1x1, beside a shortcut that is cut to size."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        out = 4 * width
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, kernel, stride, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.shortcut = _shortcut(channels, out, stride)

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.body(features)
        short = self.shortcut(features)[:, :, : out.shape[2], : out.shape[3]]
        return functional.relu(out + short)


def ladeda() -> tuple[nn.Module, int]:
    """LaDeDa (Cavia et al. 2024, https://arxiv.org/abs/2406.09398): the neighbour residual in a
    BagNet (Brendel & Bethge 2019, https://arxiv.org/abs/1904.00760), which sees 9 x 9 pixels at a
    time."""
    layers: list[nn.Module] = [
        NeighbourResidual(),
        nn.Conv2d(3, 64, 1, bias=False),
        nn.Conv2d(64, 64, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
    ]
    stages = ((64, 3, 2, 3), (128, 4, 2, 3), (256, 6, 2, 1), (512, 3, 1, 1))
    channels = 64
    for width, blocks, stride, kernel in stages:  # kernel, stride: of the first block
        for number in range(blocks):
            first = number == 0
            layers.append(
                _Bottleneck(channels, width, kernel if first else 1, stride if first else 1)
            )
            channels = 4 * width
    return nn.Sequential(*layers), channels


class MedianResidual(nn.Module):
    """The picture less the median of each pixel's eight neighbours."""

    def forward(self, crops: Tensor) -> Tensor:
        around = functional.pad(crops, (1, 1, 1, 1), mode="replicate")
        height, width = crops.shape[2:]
        neighbours = [
            around[:, :, row : row + height, column : column + width]
            for row in range(3)
            for column in range(3)
            if (row, column) != (1, 1)
        ]
        return crops - _median(neighbours)


def _median(pictures: Sequence[Tensor]) -> Tensor:
    """Of eight: the mean of the two in the middle. Odd-even sorting exports as plain minima and
    maxima."""
    ordered = list(pictures)
    for turn in range(len(ordered)):
        for low in range(turn % 2, len(ordered) - 1, 2):
            one, other = ordered[low], ordered[low + 1]
            ordered[low], ordered[low + 1] = torch.minimum(one, other), torch.maximum(one, other)
    middle = len(ordered) // 2
    return (ordered[middle - 1] + ordered[middle]) / 2


class _Ferret(nn.Module):
    """Two depthwise views, near and dilated, mixed; a separable convolution; beside a shortcut."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)
        self.far = nn.Conv2d(channels, channels, 3, stride, 2, 2, groups=channels, bias=False)
        self.mix = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, out, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
            nn.Conv2d(out, out, 3, padding=1, groups=out, bias=False),
            nn.Conv2d(out, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.shortcut = _shortcut(channels, out, stride)

    def forward(self, features: Tensor) -> Tensor:
        mixed = self.mix(self.near(features) + self.far(features))
        return functional.relu(mixed + self.shortcut(features))


def ferretnet() -> tuple[nn.Module, int]:
    """After FerretNet (Liang et al. 2025, https://arxiv.org/abs/2509.20890): a small network of
    dilated separable convolutions on the median residual. What the paper's description leaves open
    is filled in, so its parameters differ a little from the published 1.06 million."""
    return nn.Sequential(
        MedianResidual(),
        *normalised(3, 48),
        *normalised(48, 96, stride=2),
        _Ferret(96, 192, stride=2),
        _Ferret(192, 192, stride=1),
        _Ferret(192, 384, stride=2),
        _Ferret(384, 384, stride=1),
        nn.Conv2d(384, 384, 1),
        nn.ReLU(inplace=True),
    ), 384
