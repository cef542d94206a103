import pytest
import torch

from facetell.train.layers import freeze, layers, rate_groups
from facetell.train.module import Training
from facetell.train.networks.registry import ARCHITECTURES, architecture
from facetell.train.optimisation import Optimisation, Stage
from tests.train.tiny import tiny_network

SIZE_PX = 64


@pytest.mark.parametrize("name", [*ARCHITECTURES, "vit_tiny_patch16_224"])
def test_the_layers_hold_all_that_learns_in_the_order_of_the_way(name):
    net = architecture(name).build(SIZE_PX, False)
    held = [id(p) for layer in layers(net.backbone) for p in layer.parameters()]
    assert len(held) == len(set(held))
    missing = {id(p) for p in net.backbone.parameters()} - set(held)
    assert len(missing) <= 2  # a transformer's positions and class token lie beside its layers
    assert len(layers(net.backbone)) >= 3


def test_thawing_counts_from_the_head():
    net = tiny_network()
    first, norm, second = layers(net.backbone)
    assert freeze(net, 1) == [first, norm]
    assert [p.requires_grad for p in second.parameters()] == [True, True]
    assert not any(p.requires_grad for layer in (first, norm) for p in layer.parameters())
    assert freeze(net, 0) == [first, norm, second]
    assert all(p.requires_grad for p in net.head.parameters())
    assert freeze(net, 9) == []  # more than there are
    assert freeze(net, None) == []
    assert all(p.requires_grad for p in net.parameters())


def test_frozen_batch_normalisation_keeps_its_statistics():
    def loss(net, crops, labels):
        return net(crops)[0].square().mean()

    for thaw, moves in ((0, False), (1, False), (2, True), (None, True)):
        net = tiny_network()
        norm = layers(net.backbone)[1]
        before = norm.running_mean.clone()
        training = Training(net, loss, Optimisation(), Stage("s", 0, 8, 1e-3, thaw), 1)
        training.train()
        net(torch.randn(4, 3, SIZE_PX, SIZE_PX))
        assert torch.equal(norm.running_mean, before) != moves


def test_each_layer_learns_slower_than_the_one_after_it():
    net = tiny_network()
    first, norm, second = layers(net.backbone)
    groups = rate_groups(net, 0.5)
    assert [group["scale"] for group in groups] == [1.0, 0.5, 0.25, 0.125]
    whose = [{id(p) for p in group["params"]} for group in groups]
    for layer, ids in zip((net.head, second, norm, first), whose, strict=True):
        assert {id(p) for p in layer.parameters()} == ids


def test_what_is_frozen_is_in_no_group():
    net = tiny_network()
    freeze(net, 0)
    for decay in (1.0, 0.5):
        (group,) = rate_groups(net, decay)
        assert [id(p) for p in group["params"]] == [id(p) for p in net.head.parameters()]
