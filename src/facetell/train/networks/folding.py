"""Networks without batch normalisation: its statistics and scales folded into the convolutions.

What judging does for speed anyway serves learning, too, where the start weights know pictures of
such a kind already: on a CPU, normalisation is bound by memory and takes near half of the time. The
statistics stay those of the start, as where detectors of objects learn from batches of few pictures
(fixed batch normalisation: He et al. 2015, https://arxiv.org/abs/1512.03385, appendix A).
"""

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from facetell.errors import DataError

Arithmetic = Literal["fp32", "bf16"]

TOLERANCE = 1e-3
"""Of the logit, before and after: rounding of a hundred layers, far below a forgotten one."""


class Pointwise(nn.Conv2d):
    """A 1x1 convolution that learns as the matrix product that it is, and judges as a convolution.

    In `bf16` the product is made of numbers rounded to it and added up in full precision, which
    matrix units (AMX) do several times as fast.
    """

    def __init__(self, conv: nn.Conv2d, arithmetic: Arithmetic) -> None:
        super().__init__(conv.in_channels, conv.out_channels, 1)
        self.weight, self.bias = conv.weight, conv.bias
        self.arithmetic = arithmetic

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:
            return super().forward(features)
        rows = features.permute(0, 2, 3, 1)
        weight, bias = self.weight[:, :, 0, 0], cast(Tensor, self.bias)
        if self.arithmetic == "bf16":
            low = nn.functional.linear(rows.bfloat16(), weight.bfloat16(), bias.bfloat16())
            return low.float().permute(0, 3, 1, 2)
        return nn.functional.linear(rows, weight, bias).permute(0, 3, 1, 2)


def fold(net: nn.Module, size_px: int, arithmetic: Arithmetic) -> None:
    """Fold every batch normalisation of `net` into the convolution before it, in place.

    Raises DataError where one is left over, or where the network would not say the same after.
    """
    crops = torch.randn(2, 3, size_px, size_px, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = net.eval()(crops)[0]
        _fold_children(net, arithmetic)
        for module in net.modules():
            if isinstance(module, nn.ReLU | nn.ReLU6):
                module.inplace = False  # a product's rows are a view: slow to change in place
        after = net.eval()(crops)[0]
    left = [name for name, module in net.named_modules() if isinstance(module, nn.BatchNorm2d)]
    if left or not torch.allclose(before, after, atol=TOLERANCE):
        raise DataError(
            f"the normalisation of this network cannot be folded{f' ({left[0]})' if left else ''}",
            hint="train it with folded: null",
        )


def _fold_children(module: nn.Module, arithmetic: Arithmetic) -> None:
    waiting: tuple[str, nn.Conv2d] | None = None  # a convolution that a normalisation may follow
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and waiting:
            setattr(module, waiting[0], _quick(fuse_conv_bn_eval(waiting[1], child), arithmetic))
            # timm's normalisation carries the activation behind it
            setattr(module, name, getattr(child, "act", nn.Identity()))
            waiting = None
        elif isinstance(child, nn.Conv2d):
            waiting = name, child
        else:
            _fold_children(child, arithmetic)


def _quick(conv: nn.Conv2d, arithmetic: Arithmetic) -> nn.Conv2d:
    plain = conv.kernel_size == (1, 1) and conv.stride == (1, 1) and conv.groups == 1
    return Pointwise(conv, arithmetic) if plain else conv
