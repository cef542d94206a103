"""Architectures by name; whatever timm knows is one, too."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from facetell.train.networks.detector import Detector
from facetell.train.networks.efficientnet_lite import (
    MEAN,
    START_WEIGHTS,
    STD,
    efficientnet_lite0,
    efficientnet_lite0_short,
)
from facetell.train.networks.forensic import forensic
from facetell.train.networks.from_timm import timm_backbone, timm_normalisation
from facetell.train.networks.published import ferretnet, ladeda, meso4, npr
from facetell.train.networks.simple import Hybrid, baseline_cnn, deep_cnn

RGB = tuple[float, float, float]
GREY: RGB = (127.5, 127.5, 127.5)
FROM_NOTHING = "none: trained from random weights"


@dataclass(frozen=True)
class Architecture:
    """How to build one.

    build: crop size in pixels, and whether to start from pretrained weights -> network.
    mean, std: of the inputs, on the 0..255 scale. start: which pretrained weights there are, None
    where none; carrier: what brings them.
    """

    build: Callable[[int, bool], Detector]
    note: str
    mean: RGB = GREY
    std: RGB = GREY
    start: str | None = None
    carrier: str = "-"


def _plain(backbone: Callable[[], tuple[nn.Module, int]]) -> Callable[[int, bool], Detector]:
    return lambda size_px, pretrained: Detector(*backbone())


def _hybrid(size_px: int, pretrained: bool) -> Detector:
    one, channels = deep_cnn()
    other, more = timm_backbone("resnet50", size_px, pretrained=pretrained)
    return Detector(Hybrid(one, other), channels + more)


def of_timm(name: str) -> Architecture:
    """Any network that timm knows; its pretrained weights come from timm's hub."""

    def build(size_px: int, pretrained: bool) -> Detector:
        return Detector(*timm_backbone(name, size_px, pretrained=pretrained))

    (m0, m1, m2), (s0, s1, s2) = timm_normalisation(name)
    start = f"{name}'s pretrained weights from timm's hub (their licence is timm's page's to say)"
    return Architecture(build, "of timm", (m0, m1, m2), (s0, s1, s2), start, "timm's hub")


ARCHITECTURES: dict[str, Callable[[], Architecture]] = {
    "efficientnet_lite0": lambda: Architecture(
        lambda size_px, pretrained: efficientnet_lite0(pretrained=pretrained),
        "the shipped model's first witness's",
        MEAN,
        STD,
        START_WEIGHTS,
        "a package",
    ),
    "efficientnet_lite0_short": lambda: Architecture(
        lambda size_px, pretrained: efficientnet_lite0_short(pretrained=pretrained),
        "the same without its last stage: the second witness's",
        MEAN,
        STD,
        START_WEIGHTS,
        "a package",
    ),
    "baseline_cnn": lambda: Architecture(_plain(baseline_cnn), "three convolution blocks"),
    "deep_cnn": lambda: Architecture(_plain(deep_cnn), "batch normalisation and dropout"),
    "forensic": lambda: Architecture(_plain(forensic), "picture and residual, full resolution"),
    "meso4": lambda: Architecture(_plain(meso4), "MesoNet's Meso-4"),
    "npr": lambda: Architecture(_plain(npr), "neighbour residual, half a ResNet-50"),
    "ladeda": lambda: Architecture(_plain(ladeda), "neighbour residual, 9 x 9 pixels at a time"),
    "ferretnet": lambda: Architecture(_plain(ferretnet), "median residual, dilated convolutions"),
    "hybrid": lambda: Architecture(
        _hybrid,
        "deep_cnn beside resnet50",
        *_normalisation("resnet50"),
        "resnet50's, from timm's hub",
        "timm's hub",
    ),
    "resnet50": lambda: of_timm("resnet50"),
    "efficientnet_b0": lambda: of_timm("efficientnet_b0"),
    "mobilenetv2_100": lambda: of_timm("mobilenetv2_100"),
}
"""By name, made when asked for, so that looking at the list loads nothing."""


def architecture(name: str) -> Architecture:
    """One of ARCHITECTURES, or any name of timm (an unknown one is refused when it is built)."""
    return ARCHITECTURES[name]() if name in ARCHITECTURES else of_timm(name)


def _normalisation(name: str) -> tuple[RGB, RGB]:
    made = of_timm(name)
    return made.mean, made.std
