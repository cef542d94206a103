"""Learning from crops that are changed against the network while it learns."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def harden(
    net: nn.Module,
    loss: Callable[[nn.Module, Tensor, Tensor], Tensor],
    crops: Tensor,
    labels: Tensor,
    reach: Tensor,
) -> Tensor:
    """Turn every second pair of a batch against the network: one step along the gradient's sign
    from a random start (Wong et al. 2020, https://arxiv.org/abs/2001.03994).

    crops: [N, 3, S, S], normalised. reach: [3, 1, 1] largest change, normalised too. The network is
    left as it was: neither its gradients nor its statistics change.
    """
    chosen = torch.arange(len(crops)) // 2 % 2 == 0
    clean = crops[chosen]
    start = clean + (2 * torch.rand_like(clean) - 1) * reach
    start.requires_grad_()
    with _evaluating(net):
        gradient = torch.autograd.grad(loss(net, start, labels[chosen]), start)[0]
    pushed = start.detach() + 1.25 * reach * gradient.sign()
    hardened = crops.clone()
    hardened[chosen] = torch.maximum(torch.minimum(pushed, clean + reach), clean - reach)
    return hardened


@contextmanager
def _evaluating(net: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
