"""Any network of timm as a backbone: convolutional ones by their feature map, transformers by their
tokens, so that the evidence map is the decision in all of them."""

from contextlib import suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from facetell.errors import DataError


class TimmFeatures(nn.Module):
    """crops [N, 3, S, S] -> features [N, C, h, w] of a timm network."""

    def __init__(self, net: Any, size_px: int) -> None:
        super().__init__()
        self.net = net
        self.prefix = int(getattr(net, "num_prefix_tokens", 0))
        self.channels = int(net.num_features)
        with torch.no_grad():
            shape = tuple(net.eval().forward_features(torch.zeros(1, 3, size_px, size_px)).shape)
        self.side = int((shape[1] - self.prefix) ** 0.5) if len(shape) == 3 else 0
        self.channels_last = len(shape) == 4 and shape[1] != self.channels
        if len(shape) == 4 and not self.channels_last:
            self.channels = shape[1]

    def forward(self, crops: Tensor) -> Tensor:
        features: Tensor = self.net.forward_features(crops)
        if self.side:
            tokens = features[:, self.prefix :].transpose(1, 2)
            return tokens.reshape(-1, self.channels, self.side, self.side)
        return features.permute(0, 3, 1, 2) if self.channels_last else features


def timm_backbone(name: str, size_px: int, *, pretrained: bool) -> tuple[nn.Module, int]:
    """Backbone and its channels. Raises DataError for a name that timm does not know, and where its
    weights cannot be had."""
    import timm

    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name.split('_')[0]}*")[:8])
        raise DataError(
            f"no architecture {name!r}",
            hint=f"facetell models --architectures, or a name of timm{f': {near}' if near else ''}",
        )
    try:
        net = _created(name, size_px, pretrained)
    # The hub's client raises whatever its transport does; all of it means that nothing came.
    except Exception as error:
        if not pretrained:
            raise
        raise DataError(
            f"the weights of {name} cannot be fetched from timm's hub ({type(error).__name__})",
            hint="train from scratch with --set pretrained=false, or connect to the network",
        ) from error
    try:
        features = TimmFeatures(net, size_px)
    # Networks made for one size, or for several inputs, fail at others in as many ways.
    except Exception as error:
        raise DataError(
            f"{name} takes no crops of {size_px} px, or gives no map of features",
            hint="--set size_px=224 may do; else another architecture",
        ) from error
    return features, features.channels


def _created(name: str, size_px: int, pretrained: bool) -> Any:
    import timm

    plain = partial(timm.create_model, name, pretrained=pretrained, num_classes=0)
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if config and config.fixed_input_size:
        with suppress(TypeError):  # some take any size all the same
            return plain(img_size=size_px)
    return plain()


def timm_normalisation(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of the inputs its weights were trained with, on 0..255."""
    import timm

    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    mean, std = (config.mean, config.std) if config else ((0.5,) * 3, (0.5,) * 3)
    return tuple(255 * v for v in mean), tuple(255 * v for v in std)
