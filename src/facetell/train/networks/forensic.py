"""A small network for traces, trained from scratch: what stands out from the smooth picture, looked
at in full resolution.

After the published residual nets, which do well from few pictures (NPR, Tan et al. 2024,
https://arxiv.org/abs/2312.10461; FerretNet, Liang et al. 2025, https://arxiv.org/abs/2509.20890):
no early down-sampling, a high-pass residual beside the picture, dilated depthwise convolutions.
"""

import torch
from torch import Tensor, nn

from facetell.train.networks.simple import normalised

GAIN = 4.0
"""Residuals are small beside the picture."""


def forensic() -> tuple[nn.Module, int]:
    """Backbone with a stride of 8, and its channels; about half a million parameters."""
    return nn.Sequential(
        _WithResidual(),
        *normalised(6, 24),
        *normalised(24, 48, stride=2),
        _Wide(48),
        *normalised(48, 96, stride=2),
        _Wide(96),
        _Wide(96),
        *normalised(96, 192, stride=2),
        _Wide(192),
        _Wide(192),
        _Wide(192),
        nn.Conv2d(192, 256, kernel_size=1),
        nn.ReLU(inplace=True),
    ), 256


class _WithResidual(nn.Module):
    """RGB -> RGB and its difference from the mean of the eight neighbours."""

    def __init__(self) -> None:
        super().__init__()
        kernel = torch.full((3, 1, 3, 3), -1 / 8)
        kernel[:, :, 1, 1] = 1.0
        self.register_buffer("kernel", kernel)

    def forward(self, crops: Tensor) -> Tensor:
        around = nn.functional.pad(crops, (1, 1, 1, 1), mode="replicate")
        residual = nn.functional.conv2d(around, self.get_buffer("kernel"), groups=3)
        return torch.cat([crops, GAIN * residual], dim=1)


class _Wide(nn.Module):
    """Two depthwise views, near and dilated, mixed, beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.far = nn.Conv2d(
            channels, channels, 3, padding=2, dilation=2, groups=channels, bias=False
        )
        self.mix = nn.Sequential(
            nn.BatchNorm2d(2 * channels),
            nn.Conv2d(2 * channels, channels, kernel_size=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, features: Tensor) -> Tensor:
        both = torch.cat([self.near(features), self.far(features)], dim=1)
        out: Tensor = features + self.mix(both)
        return out
