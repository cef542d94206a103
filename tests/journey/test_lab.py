"""From a folder of faces to a trained model file that judges a picture, by the real commands."""

import json

import pytest

from tests.cli.command import facetell, rows
from tests.lab_data import write_lab_data

pytest.importorskip("torch", reason="the training extra is not installed")
# torch's own exporter uses what torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")


def test_audit_split_train_evaluate_export_detect(tmp_path):
    data = write_lab_data(tmp_path / "data", 60)

    done = facetell("data", "audit", data, "--out", tmp_path / "audit")
    assert "folders by label; train 30 real, 30 fake" in done.out
    found = json.loads((tmp_path / "audit" / "audit.json").read_text())
    assert done.code == int(found["serious"])

    manifest = tmp_path / "manifest.csv"
    shares = ("--shares", 60, 20, 20)
    assert facetell("data", "split", data, "--out", manifest, *shares).code == 0

    run = tmp_path / "run"
    done = facetell(
        *("train", manifest, "--out", run, "--name", "green", "--workers", 0),
        *("--set", "architecture=baseline_cnn", "--set", "size_px=48", "--set", "batch_size=12"),
        *("--set", "samples=720", "--set", "check_every=360", "--set", "learning_rate=3e-3"),
        *("--set", "ema_decay=0.9", "--set", "augmentation=none"),
    )
    assert (done.code, done.err) == (0, "")
    assert "finished" in facetell("runs", tmp_path).out

    model = tmp_path / "green.onnx"
    done = facetell("export", run, "--val", manifest, "--out", model, "--name", "green")
    assert done.code == 0
    done = facetell("evaluate", model, "--data", manifest, "--tier", "clean")
    assert (done.code, "all fakes / all reals" in done.out) == (0, True)

    done = facetell("explain", next(data.rglob("*.jpg")), "--run", run, "--out", tmp_path / "why")
    assert (done.code, "Grad-CAM++" in done.out, "saliency" in done.out) == (0, True, True)
    args = ("--data", manifest, "--split", "val", "--out", tmp_path / "attacked")
    done = facetell("stress", run, "--attack", *args)
    assert done.code == 0
    attacked = json.loads((tmp_path / "attacked" / "stress.json").read_text())["robustness"]
    assert attacked[-1]["kind"] == "PGD, of 255"
    assert attacked[-1]["auc"] < attacked[0]["auc"]

    done = facetell("detect", data, "--model", model, "--json", tmp_path / "r.jsonl")
    assert done.code == 0
    judged = rows(tmp_path / "r.jsonl")
    fakes = [row["p_fake"] for row in judged if "/fake/" in row["path"]]
    reals = [row["p_fake"] for row in judged if "/real/" in row["path"]]
    above = sum(fake > real for fake in fakes for real in reals)
    assert above / (len(fakes) * len(reals)) > 0.9
