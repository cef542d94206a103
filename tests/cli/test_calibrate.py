"""`facetell calibrate` and `facetell join`: thresholds fitted to what there is."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facetell.cli.fitting import told_apart
from facetell.detect.card import Measured, ModelCard
from facetell.detect.model import Model
from facetell.evaluate.comparisons import EVERYTHING
from tests.cli.command import facetell
from tests.cli.tiny_model import tiny_card
from tests.shared import EXAMPLES


@pytest.fixture
def val(tmp_path):
    """Two portraits, and brightened copies that are called fake; the tiny model sees light."""
    rows = []
    for number, path in enumerate(sorted(EXAMPLES.glob("real-*.jpg"))):
        image = Image.open(path)
        image.save(tmp_path / f"{number}.png")
        image.point(lambda v: min(255, v + 70)).save(tmp_path / f"{number}-bright.png")
        rows.append([f"{number}.png", "real", "val", "dark"])
        rows.append([f"{number}-bright.png", "fake", "val", "bright"])
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "split", "source"], *rows])
    return tmp_path / "manifest.csv"


def test_thresholds_are_fitted_again_and_the_weights_stay(tiny_model, val, tmp_path):
    out = tmp_path / "again.onnx"
    done = facetell("calibrate", tiny_model, "--val", val, "--out", out, "--align", "landmarks")
    assert done.code == 0
    models = [Model.load(path) for path in (tiny_model, out)]
    before, after = (model.card for model in models)
    assert (before.crop.align, after.crop.align) == ("box", "landmarks")
    assert "val" in after.thresholds.fitted_on
    assert after.calibration != before.calibration
    assert after.name == before.name
    crops = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    np.testing.assert_array_equal(*(model.score(crops)[0] for model in models))
    assert f"fake from {after.thresholds.fake_from:.3f}" in done.out
    told = done.out.splitlines()[-1]
    assert "on 2 real, 2 fake: may be chance, and thresholds from so few mean little" in told


def measured(reals, fakes, auc, low):
    row = Measured(name=EVERYTHING, tier="web", split="val", fakes=fakes, reals=reals, auc=auc,
                   low=low, high=1)  # fmt: skip
    return ModelCard.model_validate(tiny_card(metrics=[row]))


@pytest.mark.parametrize(
    ("reals", "fakes", "auc", "low", "said"),
    [
        (100, 20, 0.9, 0.8, "val: AUC 0.900 [0.800, 1.000] on 100 real, 20 fake"),
        (100, 20, 0.4, 0.3, "val: AUC 0.400 [0.300, 1.000] on 100 real, 20 fake: may be chance"),
        (99, 20, 0.9, 0.8, "val: AUC 0.900 [0.800, 1.000] on 99 real, 20 fake: "
         "thresholds from so few mean little"),
    ],
)  # fmt: skip
def test_what_is_fitted_ends_with_what_it_is_worth(reals, fakes, auc, low, said):
    assert told_apart(measured(reals, fakes, auc, low)) == [said]


def test_a_manifest_without_val_is_refused(tiny_model, val, tmp_path):
    val.write_text(val.read_text().replace(",val,", ",train,"))
    done = facetell("calibrate", tiny_model, "--val", val, "--out", tmp_path / "again.onnx")
    assert done.code == 2
    assert "val split" in done.err
    assert not (tmp_path / "again.onnx").exists()


@pytest.fixture
def another(tiny_model, tmp_path):
    """The same under another name: a model named twice would be one that counts twice."""
    return Path(shutil.copy(tiny_model, tmp_path / "another.onnx"))


def test_joined_models_are_calibrated_together(tiny_model, another, val, tmp_path):
    out = tmp_path / "joined.onnx"
    done = facetell("join", tiny_model, another, "--mirrored", 2, "--val", val, "--out", out)
    assert done.code == 0
    card = Model.load(out).card
    assert card.recipe["mirrored"] == [2]
    assert "val" in card.thresholds.fitted_on
    assert f"fake from {card.thresholds.fake_from:.3f}" in done.out


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["--mirrored", 3], "there is no model 3 to mirror"),
        (["--average", "--mirrored", 1], "an average is one network"),
        (["--average"], "not alike: none names its architecture"),
    ],
)
def test_what_cannot_be_joined_is_said(tiny_model, another, val, tmp_path, settings, said):
    out = tmp_path / "joined.onnx"
    done = facetell("join", tiny_model, another, *settings, "--val", val, "--out", out)
    assert done.code == 2
    assert said in done.err
    assert not out.exists()
