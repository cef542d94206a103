"""What an architecture costs."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from facetell.train.networks.registry import Architecture


def cost(architecture: Architecture, size_px: int) -> tuple[int, int]:
    """Number of parameters, and multiply-accumulates for one crop of size_px."""
    net = architecture.build(size_px, False).eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        net(torch.zeros(1, 3, size_px, size_px))
    return sum(p.numel() for p in net.parameters()), counter.get_total_flops() // 2
