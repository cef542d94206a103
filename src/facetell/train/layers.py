"""A detector's layers in the order of the picture's way, to freeze some and slow others down."""

from typing import Any

from torch import nn

from facetell.train.networks.detector import Detector
from facetell.train.networks.from_timm import TimmFeatures
from facetell.train.networks.simple import Hybrid


def layers(backbone: nn.Module) -> list[nn.Module]:
    """The blocks of a backbone, first to last; the halves of a hybrid follow each other."""
    if isinstance(backbone, (TimmFeatures, Hybrid)):
        return [layer for part in backbone.children() for layer in layers(part)]
    return [layer for child in backbone.children() for layer in _unpacked(child)]


def _unpacked(module: nn.Module) -> list[nn.Module]:
    if isinstance(module, (nn.Sequential, nn.ModuleList)):
        return [layer for child in module for layer in _unpacked(child)]
    return [module] if next(module.parameters(), None) is not None else []


def freeze(net: Detector, thaw: int | None) -> list[nn.Module]:
    """Let the head and the last `thaw` layers learn (None: all of them); returns what is frozen."""
    for parameter in net.parameters():
        parameter.requires_grad_(True)
    if thaw is None:
        return []
    blocks = layers(net.backbone)
    learning = blocks[max(0, len(blocks) - thaw) :]
    for parameter in net.backbone.parameters():
        parameter.requires_grad_(False)
    for block in learning:
        for parameter in block.parameters():
            parameter.requires_grad_(True)
    return [block for block in blocks if block not in learning]


def still(net: nn.Module, thaw: int | None, *, fixed: bool) -> list[nn.Module]:
    """Freeze a detector's layers as `freeze` does. Returns what stays in evaluation mode while the
    network learns: what is frozen, or its batch normalisation would go on following the new
    pictures, and all normalisation where its statistics are to stay `fixed`."""
    frozen = freeze(net, thaw) if isinstance(net, Detector) else []
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    return [*frozen, *(norms if fixed else [])]


def rate_groups(net: nn.Module, layer_decay: float) -> list[dict[str, Any]]:
    """Groups of what learns, each with the `scale` of its learning rate: 1 in the head, and in each
    layer before it `layer_decay` times as much."""
    if not isinstance(net, Detector) or layer_decay == 1:
        return [{"params": [p for p in net.parameters() if p.requires_grad], "scale": 1.0}]
    blocks = layers(net.backbone)
    groups: list[dict[str, Any]] = [{"params": list(net.head.parameters()), "scale": 1.0}]
    taken = {id(parameter) for parameter in net.head.parameters()}
    for depth, block in enumerate(reversed(blocks), start=1):
        groups.append({"params": list(block.parameters()), "scale": layer_decay**depth})
        taken |= {id(parameter) for parameter in block.parameters()}
    rest = [p for p in net.parameters() if id(p) not in taken]  # such as a transformer's positions
    groups.append({"params": rest, "scale": layer_decay ** (len(blocks) + 1)})
    for group in groups:
        group["params"] = [p for p in group["params"] if p.requires_grad]
    return [group for group in groups if group["params"]]
