"""The face finder's network: one look, three scales, no anchors.

Built like the published small finders, YuNet above all (Wu, Peng & Yu 2023,
https://doi.org/10.1007/s11633-023-1423-y): depthwise separable convolutions, a feature pyramid with
strides 8, 16 and 32, and one face per cell. `docs/finder.md` says what was measured.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
MEAN, STD = 127.0, 64.0


class FinderNet(nn.Module):
    """pixels [N, 3, H, W] float32 RGB 0..255, sides multiples of 32 -> one row per cell.

    The rows of the three strides follow each other, each from left to right, from top to bottom.
    """

    def __init__(
        self, stem: int = 16, widths: tuple[int, int, int] = (48, 80, 128), neck: int = 48
    ):
        super().__init__()
        eight, sixteen, thirty_two = widths
        self.stem = nn.Sequential(
            _convolution(3, stem, stride=2), _convolution(stem, 2 * stem, stride=2)
        )
        self.eight = nn.Sequential(_Step(2 * stem, eight), _Block(eight), _Block(eight))
        self.sixteen = nn.Sequential(_Step(eight, sixteen), *(_Block(sixteen) for _ in range(3)))
        self.thirty_two = nn.Sequential(
            _Step(sixteen, thirty_two), *(_Block(thirty_two) for _ in range(3))
        )
        self.lateral = nn.ModuleList(_convolution(width, neck, size=1) for width in widths)
        self.smooth = nn.ModuleList(_Block(neck) for _ in widths)
        self.heads = nn.ModuleList(_Head(neck) for _ in widths)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns logits [N, K], boxes_xyxy [N, K, 4] and landmarks [N, K, 5, 2] in pixels."""
        return self.finish(self.begin(pixels))

    def begin(self, pixels: Tensor) -> Tensor:
        """The layers that can be given a picture in strips: features [N, C, H / 8, W / 8], each of
        the pixels up to 15 rows and columns around its first."""
        found: Tensor = self.eight[0](self.stem((pixels - MEAN) / STD))
        return found

    def finish(self, features_of_eight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All that follows; see `forward`."""
        features = [self.eight[1:](features_of_eight)]
        features.append(self.sixteen(features[-1]))
        features.append(self.thirty_two(features[-1]))
        above: Tensor | None = None
        rows = []
        for level in (2, 1, 0):
            here = self.lateral[level](features[level])
            if above is not None:
                here = here + functional.interpolate(above, scale_factor=2.0, mode="nearest")
            above = self.smooth[level](here)
            rows.append(_decode(self.heads[level](above), STRIDES[level]))
        logits, boxes, landmarks = (torch.cat(parts, 1) for parts in zip(*rows[::-1], strict=True))
        return logits, boxes, landmarks


class _Head(nn.Module):
    """What a cell answers: whether there is a face, and apart from it where."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Sequential(_Block(channels), nn.Conv2d(channels, 1, kernel_size=1))
        self.place = nn.Sequential(_Block(channels), nn.Conv2d(channels, 14, kernel_size=1))
        for branch in (self.score, self.place):
            nn.init.normal_(cast(Tensor, branch[1].weight), std=0.01)
        with torch.no_grad():
            # A face in one cell of a hundred, so that the first steps are calm; boxes of 3 strides.
            cast(Tensor, self.score[1].bias).fill_(-4.6)
            cast(Tensor, self.place[1].bias).copy_(torch.tensor([0.0, 0, 1, 1] + [0.0] * 10))

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([self.score(features), self.place(features)], dim=1)


class _Block(nn.Module):
    """A depthwise separable convolution beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _convolution(channels, channels, groups=channels), _convolution(channels, channels, 1)
        )

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = features + self.body(features)
        return out


class _Step(nn.Sequential):
    """Half the resolution."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(
            _convolution(channels, channels, stride=2, groups=channels),
            _convolution(channels, out, 1),
        )


def _convolution(
    channels: int, out: int, size: int = 3, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
    )


def _decode(answer: Tensor, stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """answer [N, 15, h, w]: logit, centre x and y, log width and height, five points; centre and
    points in strides from the middle of the cell, sizes in strides."""
    n, _, height, width = answer.shape
    x = torch.arange(width, dtype=answer.dtype, device=answer.device) + 0.5
    y = torch.arange(height, dtype=answer.dtype, device=answer.device) + 0.5
    middle = torch.stack(
        [x[None, :].expand(height, width), y[:, None].expand(height, width)], dim=-1
    ).reshape(1, height * width, 2)
    cells = answer.flatten(2).transpose(1, 2)
    centre = middle + cells[..., 1:3]
    half = cells[..., 3:5].clamp(max=6.0).exp() / 2
    boxes = torch.cat([centre - half, centre + half], dim=-1) * stride
    landmarks = (middle[:, :, None] + cells[..., 5:].reshape(n, height * width, 5, 2)) * stride
    return cells[..., 0], boxes, landmarks
