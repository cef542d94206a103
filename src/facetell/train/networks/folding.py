"""Networks without batch normalisation: its statistics and scales folded into the convolutions.

What judging does for speed anyway serves learning, too, where the start weights know pictures of
such a kind already: on a CPU, normalisation is bound by memory and takes near half of the time. The
statistics stay those of the start, as where detectors of objects learn from batches of few pictures
(fixed batch normalisation: He et al. 2015, https://arxiv.org/abs/1512.03385, appendix A).
"""

from collections.abc import Iterator
from functools import partial
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
        _fold_all(net, arithmetic)
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


@torch.no_grad()
def unfold(net: nn.Module, folded: nn.Module, crops: Tensor) -> None:
    """Give `net` what `folded`, the same network without normalisation, has learnt.

    It says the same, and learns as a network with normalisation does, at rates at which a folded
    one would forget: each normalisation takes its statistics from `crops` [N, 3, S, S] float32,
    undoes them by scale and shift, and leaves the convolution before it outputs of unit variance.
    """
    learnt = folded.state_dict()
    net.load_state_dict(
        {key: learnt[key] for key in net.state_dict() if key in learnt}, strict=False
    )
    hooks = []
    for path, conv, norm in _normalised(net):
        if conv.bias is not None:
            conv.bias.zero_()  # the normalisation has it now
        undo = partial(_undone, conv, learnt[f"{path}.bias"])
        hooks.append(norm.register_forward_pre_hook(undo))
    net.eval()(crops)
    for hook in hooks:
        hook.remove()


def _undone(conv: nn.Conv2d, bias: Tensor, norm: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
    """Before a normalisation is computed for the first time: see `unfold`."""
    assert isinstance(norm, nn.BatchNorm2d)
    (features,) = given
    mean, variance = features.mean((0, 2, 3)), features.var((0, 2, 3), correction=0)
    scale = (variance + norm.eps).sqrt()
    conv.weight /= scale[:, None, None, None]
    state = norm.state_dict()
    state["running_mean"].copy_(mean / scale)
    state["running_var"].copy_(variance / scale**2)
    state["weight"].copy_(scale * (state["running_var"] + norm.eps).sqrt())
    state["bias"].copy_(bias + mean)
    return (features / scale[:, None, None],)


def _normalised(
    module: nn.Module, path: str = ""
) -> Iterator[tuple[str, nn.Conv2d, nn.BatchNorm2d]]:
    """Convolutions that a normalisation follows, with their names."""
    waiting: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        here = f"{path}{name}"
        if isinstance(child, nn.BatchNorm2d) and waiting:
            yield *waiting, child
            waiting = None
        elif isinstance(child, nn.Conv2d):
            waiting = here, child
        elif not isinstance(child, nn.Identity):
            waiting = None  # what lies between the two keeps them apart
            yield from _normalised(child, f"{here}.")


def _fold_all(module: nn.Module, arithmetic: Arithmetic) -> None:
    names = {child: name for name, child in module.named_modules()}
    for path, conv, norm in list(_normalised(module)):
        module.set_submodule(path, _quick(fuse_conv_bn_eval(conv, norm), arithmetic))
        # timm's normalisation carries the activation behind it
        module.set_submodule(names[norm], getattr(norm, "act", nn.Identity()))


def _quick(conv: nn.Conv2d, arithmetic: Arithmetic) -> nn.Conv2d:
    plain = conv.kernel_size == (1, 1) and conv.stride == (1, 1) and conv.groups == 1
    return Pointwise(conv, arithmetic) if plain else conv
