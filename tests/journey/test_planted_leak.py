"""A data set whose label is nothing but its format: the numbers must give it away."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.cli.command import facetell
from tests.lab_data import portraits, varied

pytest.importorskip("torch", reason="the training extra is not installed")
# torch's own exporter uses what torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")


def write_planted(folder, count):
    """The same portraits under both labels, with grain of all colours: the "real" ones without
    loss, the "fake" ones as JPEG, which smooths the colours."""
    for number in range(count):
        rng = np.random.default_rng(number)
        picture = varied(*portraits()[number % 2], rng)
        grainy = np.asarray(picture) + rng.normal(0, 20, (*picture.size, 3))
        picture = Image.fromarray(grainy.clip(0, 255).astype(np.uint8))
        label, ending = (("real", "png"), ("fake", "jpg"))[number // 2 % 2]
        (folder / label).mkdir(parents=True, exist_ok=True)
        picture.save(folder / label / f"{number:03}.{ending}")
    return folder


@pytest.mark.slow
def test_a_model_that_learnt_the_format_is_exposed(tmp_path):
    data = write_planted(tmp_path / "data", 100)
    done = facetell("data", "audit", data, "--out", tmp_path / "audit")
    assert done.code == 1
    assert "SERIOUS" in done.out
    manifest = tmp_path / "manifest.csv"
    shares = ("--shares", 50, 20, 30, "--no-near-duplicates")
    assert facetell("data", "split", data, "--out", manifest, *shares).code == 0
    run = tmp_path / "run"
    done = facetell(
        *("train", manifest, "--out", run, "--workers", 0, "--set", "augmentation=none"),
        *("--set", "architecture=baseline_cnn", "--set", "size_px=96", "--set", "batch_size=12"),
        *("--set", "samples=1200", "--set", "learning_rate=3e-3", "--set", "ema_decay=0.9"),
    )
    assert (done.code, done.err) == (0, "")
    out = tmp_path / "out"
    tiers = ("--tier", "clean", "--tier", "web")
    facetell("evaluate", run / "model.onnx", "--data", manifest, "--out", out, *tiers)
    clean, web = (
        json.loads((out / "run" / tier / "metrics.json").read_text()) for tier in ("clean", "web")
    )
    assert clean["auc"]["value"] > 0.9
    assert clean["metadata_auc"] > 0.95
    assert web["auc"]["low"] < 0.6
    assert web["may_be_chance"] == (web["auc"]["low"] <= 0.5)
    page = (out / "run" / "clean" / "report.html").read_text("utf-8")
    assert "not clearly better than that" in page
