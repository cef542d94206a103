"""A backbone and an evidence head: the shape every detector trained here has."""

from typing import cast

import torch
from torch import Tensor, nn


class Detector(nn.Module):
    """Features -> evidence map -> logit, where the logit is the map's mean by construction.

    backbone: [N, 3, S, S] float32 -> [N, C, h, w]. The head is a 1x1 convolution, so that averaging
    its map equals the usual pooled linear classifier (class activation maps, Zhou et al. 2016,
    https://arxiv.org/abs/1512.04150), with no need to explain afterwards where the decision came
    from.
    """

    def __init__(self, backbone: nn.Module, channels: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = nn.Dropout2d(dropout)
        self.head = nn.Conv2d(channels, 1, kernel_size=1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(cast(Tensor, self.head.bias))

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """crops: [N, 3, S, S] float32, normalised. Returns logit [N] and evidence [N, h, w]."""
        evidence = self.head(self.dropout(self.backbone(crops)))[:, 0]
        return evidence.mean(dim=(1, 2)), evidence


def load_same_order(target: nn.Module, weights: dict[str, Tensor]) -> None:
    """Copy weights between two implementations of one network that only name its parts differently.

    Both list their tensors in the order of the layers; every shape must agree. Entries that the
    target lacks (a classifier at the end) are left over.

    Raises ValueError when the two networks are not the same.
    """
    own = target.state_dict()
    if len(weights) < len(own):
        raise ValueError(f"{len(weights)} tensors for a network of {len(own)}")
    for (name, tensor), (theirs, value) in zip(own.items(), weights.items(), strict=False):
        if tensor.shape != value.shape:
            raise ValueError(f"{name} is {tuple(tensor.shape)}, {theirs} is {tuple(value.shape)}")
        with torch.no_grad():
            tensor.copy_(value)
