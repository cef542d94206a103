"""The tiny autoencoders for image generators' latent spaces (TAESD and its kin, MIT,
https://github.com/madebyollin/taesd): what they give back looks like the picture and carries the
traces of a generator's decoder."""

from itertools import pairwise

import torch
from torch import Tensor, nn

WIDTH = 64
LEVELS = 3
BLOCKS = 3


class TinyAutoencoder(nn.Module):
    """pixels [N, 3, H, W] float32 RGB in 0..1, sides multiples of 8 -> the same, regenerated.

    latent: channels of the code. pooled: the innermost blocks look around, as FLUX.2's do. Layers
    lie in the order of the published weights, so that these load by order.
    """

    def __init__(self, latent: int, *, pooled: bool) -> None:
        super().__init__()
        down: list[nn.Module] = [_convolution(3, WIDTH), _Block()]
        for level in range(LEVELS):
            inner = pooled and level == LEVELS - 1
            down += [_convolution(WIDTH, WIDTH, stride=2, bias=False)]
            down += [_Block(pooled=inner) for _ in range(BLOCKS)]
        self.encoder = nn.Sequential(*down, _convolution(WIDTH, latent))
        up: list[nn.Module] = [_SoftClamp(), _convolution(latent, WIDTH), nn.ReLU()]
        for level in range(LEVELS):
            up += [_Block(pooled=pooled and level == 0) for _ in range(BLOCKS)]
            up += [nn.Upsample(scale_factor=2), _convolution(WIDTH, WIDTH, bias=False)]
        self.decoder = nn.Sequential(*up, _Block(), _convolution(WIDTH, 3))

    def forward(self, pixels: Tensor) -> Tensor:
        out: Tensor = self.decoder(self.encoder(pixels)).clamp(0, 1)
        return out


class _Block(nn.Module):
    """Three convolutions beside a shortcut."""

    def __init__(self, *, pooled: bool = False) -> None:
        super().__init__()
        widths = (WIDTH,) * 4
        layers: list[nn.Module] = []
        for channels, out in pairwise(widths):
            layers += [_convolution(channels, out), nn.ReLU()]
        self.body = nn.Sequential(*layers[:-1])
        self.context = _context() if pooled else None

    def forward(self, features: Tensor) -> Tensor:
        if self.context is not None:
            features = features + self.context(features)
        return torch.relu(self.body(features) + features)


class _SoftClamp(nn.Module):
    def forward(self, code: Tensor) -> Tensor:
        return torch.tanh(code / 3) * 3


def _context() -> nn.Module:
    """Normalised over the whole picture, so that every place knows of the others."""
    wide = 4 * WIDTH
    return nn.Sequential(
        nn.Conv2d(WIDTH, wide, kernel_size=1, bias=False),
        nn.GroupNorm(4, wide),
        nn.ReLU(),
        nn.Conv2d(wide, WIDTH, kernel_size=1, bias=False),
    )


def _convolution(channels: int, out: int, stride: int = 1, bias: bool = True) -> nn.Module:
    return nn.Conv2d(channels, out, 3, stride, padding=1, bias=bias)
