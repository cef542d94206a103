import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from facetell.data.manifest import Sample
from facetell.detect.analyze import Detector
from facetell.detect.card import ModelCard, parse_card
from facetell.evaluate.score import unjudged
from facetell.train.adversarial import harden
from facetell.train.attack import STRENGTHS, Seen, TwoSides, attack, see
from facetell.train.detector import train_detector
from facetell.train.loop import Machine
from facetell.train.networks import registry
from facetell.types import Status
from tests.cli.tiny_model import tiny_card, write_tiny_model
from tests.shared import EXAMPLES, drawn_face
from tests.train.tiny import drawn_cache, tiny_network, tiny_recipe

SPEC = tiny_recipe().crop


def loss(net, crops, labels):
    return torch.nn.functional.binary_cross_entropy_with_logits(net(crops)[0], labels)


@pytest.fixture
def card():
    made = parse_card(json.dumps(tiny_card()), "tiny", ModelCard)
    return made.model_copy(update={"crop": SPEC})


def seen(count):
    samples = [Sample(EXAMPLES / f"{n}.png", n % 2, "val", "s", "", str(n)) for n in range(count)]
    rows = [replace(unjudged(sample, "attacked"), status=Status.OK) for sample in samples]
    return [Seen(row, drawn_face(64, seed=n)) for n, row in enumerate(rows)]


def test_attacks_push_fakes_towards_real_and_reals_towards_fake(net, card):
    crops, told = seen(6), []
    found = list(attack([*crops, Seen(replace(crops[0].row, status=Status.ERROR), None)],
                        net, card, told.append))  # fmt: skip
    assert [(kind, level) for kind, level, _ in found[:2]] == [
        ("as it is", ""),
        ("FGSM, of 255", "1"),
    ]
    assert told[-1] == 6 * 2 * len(STRENGTHS)
    before = [row.log_odds for row in found[0][2]]
    assert before[-1] is None

    def pushed(rows):
        signs = [1 if row.label else -1 for row in rows[:6]]
        after = [row.log_odds for row in rows[:6]]
        return [s * (a - b) for s, a, b in zip(signs, after, before, strict=False)]

    steps = {(kind, level): np.mean(pushed(rows)) for kind, level, rows in found[1:]}
    fgsm = [steps["FGSM, of 255", str(s)] for s in STRENGTHS]
    assert fgsm == sorted(fgsm, reverse=True)
    assert fgsm[0] < 0
    assert steps["PGD, of 255", "8"] <= steps["FGSM, of 255", "8"] + 1e-3


def test_the_wrapped_network_says_what_the_network_says(net):
    colours = torch.from_numpy(drawn_face(64).transpose(2, 0, 1)[None].astype(np.float32))
    mean, std = (torch.tensor(v)[:, None, None] for v in (SPEC.mean, SPEC.std))
    with torch.no_grad():
        real, fake = TwoSides(net, SPEC)(colours)[0]
        logit = net((colours - mean) / std)[0][0]
    assert float(fake - real) == pytest.approx(float(logit), abs=1e-5)


def test_a_sample_that_cannot_be_judged_keeps_its_row(tmp_path):
    path = tmp_path / "tiny.onnx"
    detector = Detector.load(write_tiny_model(path, json.dumps(tiny_card())))
    portrait = Sample(EXAMPLES / "real-astronaut.jpg", 0, "val", "s", "", "a")
    assert see(portrait, detector).crop.shape == (32, 32, 3)
    missing = see(replace(portrait, path=tmp_path / "gone.jpg"), detector)
    assert (missing.crop, missing.row.status) == (None, Status.ERROR)


def test_hardened_crops_raise_the_loss_of_every_second_pair_and_nothing_else(net):
    net.train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    crops = torch.randn(8, 3, 64, 64)
    labels = torch.tensor([0.0, 1.0] * 4)
    reach = torch.full((3, 1, 1), 0.05)
    hardened = harden(net, loss, crops, labels, reach)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(module.training for module in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())
    changed = (hardened - crops).abs().amax(dim=(1, 2, 3))
    assert changed.tolist() == pytest.approx([0.05, 0.05, 0, 0] * 2, abs=1e-6)
    net.eval()
    assert loss(net, hardened[:2], labels[:2]) > loss(net, crops[:2], labels[:2])


def test_a_recipe_may_train_against_attacks(tmp_path, monkeypatch):
    tiny = registry.Architecture(lambda size_px, pretrained: tiny_network(), "for tests")
    monkeypatch.setitem(registry.ARCHITECTURES, "tiny", lambda: tiny)
    cache = drawn_cache(tmp_path / "cache")
    runs = {}
    for strength in (0.0, 4.0):
        recipe = tiny_recipe(samples=64, adversarial=strength)
        net = train_detector(cache, recipe, tmp_path / str(strength), machine=Machine(workers=0))
        runs[strength] = net.state_dict()
    differ = [not torch.equal(value, runs[4.0][name]) for name, value in runs[0.0].items()]
    assert any(differ)
