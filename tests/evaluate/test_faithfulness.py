import json

import numpy as np
import pytest

from facetell.detect.model import Model
from facetell.evaluate.faithfulness import STEPS, by_chance, faithfulness
from tests.cli.tiny_model import SIDE_PX, tiny_card, write_tiny_model

pytest.importorskip("onnx", reason="the training extra is not installed")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Calls what is bright fake: the mean grey of the crop is its score."""
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    return Model.load(write_tiny_model(path, json.dumps(tiny_card())))


def lit_corner(bright, dark):
    crop = np.full((SIDE_PX, SIDE_PX, 3), dark, np.uint8)
    crop[: SIDE_PX // 2, : SIDE_PX // 2] = bright
    return crop


@pytest.mark.parametrize(("bright", "dark", "fake"), [(255, 140, True), (120, 0, False)])
def test_a_map_of_what_decides_gains_and_its_opposite_loses(model, bright, dark, fake):
    crop = lit_corner(bright, dark)
    deciding = crop.mean(axis=-1) if fake else -crop.mean(axis=-1)
    right, wrong = faithfulness(model, crop, deciding), faithfulness(model, crop, -deciding)
    chance = [one.gain for one in by_chance(model, crop)]
    assert right.gain > max(chance)
    assert wrong.gain < min(chance)
    assert abs(np.mean(chance)) < 0.05
    assert right.insertion - right.deletion == right.gain


def test_the_curves_begin_and_end_with_the_whole_crop(model):
    crop = lit_corner(255, 140)
    found = faithfulness(model, crop, np.zeros((3, 3), np.float32))
    logit, _ = model.score(crop[None])
    p = model.card.calibration.p_fake(logit)[0]
    assert len(found.share) == STEPS + 1
    assert found.deleted[0] == pytest.approx(p)
    assert found.inserted[-1] == pytest.approx(p)
    assert found.deleted[-1] == pytest.approx(found.inserted[0])
    assert by_chance(model, crop)[1].gain == by_chance(model, crop)[1].gain
