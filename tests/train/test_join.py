import json

import numpy as np
import pytest
import torch

from facetell.detect.card import ModelCard
from facetell.detect.model import Model
from facetell.errors import DataError
from facetell.train.export import onnx_bytes, write_model
from facetell.train.join import join
from facetell.train.release import today
from tests.cli.tiny_model import SIDE_PX, tiny_card, write_tiny_model
from tests.shared import noise_image
from tests.train.tiny import tiny_network


def model(path, side_px=SIDE_PX, **changes):
    card = tiny_card(**changes)
    card["crop"]["size_px"] = side_px
    return write_tiny_model(path, json.dumps(card), side_px)


def test_the_joined_model_says_the_mean_of_what_both_say(tmp_path):
    one = model(tmp_path / "one.onnx", intercept=0.5, trained_on={"a": 3, "b": 1})
    other = model(tmp_path / "two.onnx", intercept=-2.0, trained_on={"a": 2, "c": 9})
    data, draft = join([one, other], "both")
    write_model(data, draft, tmp_path / "both.onnx")
    both = Model.load(tmp_path / "both.onnx")
    crops = np.stack([noise_image(SIDE_PX, SIDE_PX, seed) for seed in range(3)])
    said = [Model.load(path) for path in (one, other)]
    expected = [m.card.calibration.log_odds(m.score(crops)[0]) for m in said]
    logit, evidence = both.score(crops)
    np.testing.assert_allclose(logit, np.mean(expected, axis=0), atol=1e-5)
    np.testing.assert_allclose(evidence.mean(axis=(1, 2)), logit, atol=1e-5)
    assert (both.card.name, both.card.created) == ("both", today())
    assert said[0].card.created != today()
    assert both.card.trained_on == {"a": 3, "b": 1, "c": 9}
    assert both.card.thresholds.real_below == 0


def test_a_model_named_twice_counts_twice_and_is_in_it_once(tmp_path):
    one = model(tmp_path / "one.onnx", intercept=0.5)
    other = model(tmp_path / "two.onnx", intercept=-2.0)
    data, draft = join([one, other, other], "both", mirrored=[])
    once, plain = join([one, other], "both")
    assert len(data) == pytest.approx(len(once), rel=0.01)
    assert (draft.recipe["counted"], "counted" in plain.recipe) == ([1, 2], False)
    write_model(data, draft, tmp_path / "both.onnx")
    crops = np.stack([noise_image(SIDE_PX, SIDE_PX, seed) for seed in range(3)])
    said = [m.card.calibration.log_odds(m.score(crops)[0]) for m in map(Model.load, (one, other))]
    logit, evidence = Model.load(tmp_path / "both.onnx").score(crops)
    np.testing.assert_allclose(logit, (said[0] + 2 * said[1]) / 3, atol=1e-5)
    np.testing.assert_allclose(evidence.mean(axis=(1, 2)), logit, atol=1e-5)
    with pytest.raises(DataError, match="nothing to join"):
        join([one, one], "one")


# torch's own exporter uses what torch deprecates.
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_large_weights_take_half_the_room_and_say_nearly_the_same(tmp_path):
    card = ModelCard.model_validate(tiny_card())
    torch.manual_seed(0)
    data = onnx_bytes(tiny_network().eval(), SIDE_PX)
    for name in ("one", "two"):
        write_model(data, card, tmp_path / f"{name}.onnx")
    both, draft = join([tmp_path / "one.onnx", tmp_path / "two.onnx"], "both")
    write_model(both, draft, tmp_path / "both.onnx")
    crops = np.stack([noise_image(SIDE_PX, SIDE_PX, seed) for seed in range(3)])
    one, joined = Model.load(tmp_path / "one.onnx"), Model.load(tmp_path / "both.onnx")
    assert len(both) < 1.6 * len(data)
    np.testing.assert_allclose(joined.score(crops)[0], one.score(crops)[0], atol=5e-3)


def test_models_that_do_not_go_together_are_refused(tmp_path):
    small, large = model(tmp_path / "s.onnx"), model(tmp_path / "l.onnx", side_px=64)
    with pytest.raises(DataError, match="different crops"):
        join([small, large], "both")
    with pytest.raises(DataError, match="nothing to join"):
        join([small], "one")


# torch's own exporter uses what torch deprecates.
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_a_mirrored_model_says_the_mean_of_a_crop_and_its_mirror_image(tmp_path):
    torch.manual_seed(0)
    network = onnx_bytes(tiny_network().eval(), SIDE_PX)
    one, other = tmp_path / "one.onnx", tmp_path / "two.onnx"
    for path, intercept in ((one, 0.5), (other, -2.0)):
        write_model(network, ModelCard.model_validate(tiny_card(intercept=intercept)), path)
    data, draft = join([one, other], "both", mirrored=[2, 2])
    write_model(data, draft, tmp_path / "both.onnx")
    crops = np.stack([noise_image(SIDE_PX, SIDE_PX, seed) for seed in range(3)])
    first, second = Model.load(one), Model.load(other)
    logit, evidence = Model.load(tmp_path / "both.onnx").score(crops)
    straight = second.score(crops)
    turned = second.score(np.ascontiguousarray(crops[:, :, ::-1]))
    assert not np.allclose(straight[0], turned[0], atol=1e-3)
    twice = (straight[0] + turned[0]) / 2, (straight[1] + turned[1][:, :, ::-1]) / 2
    for said, one_said, two_said in zip((logit, evidence), first.score(crops), twice, strict=True):
        calibrated = (
            first.card.calibration.log_odds(one_said),
            second.card.calibration.log_odds(two_said),
        )
        np.testing.assert_allclose(said, np.mean(calibrated, axis=0), atol=1e-5)
    assert draft.recipe["mirrored"] == [2]


def test_a_model_that_is_not_there_cannot_be_mirrored(tmp_path):
    files = [model(tmp_path / "one.onnx"), model(tmp_path / "two.onnx")]
    with pytest.raises(DataError, match="no model 3"):
        join(files, "both", mirrored=[3])
