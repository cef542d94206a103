"""`facetell stress`: a model's robustness, on paper and in its card."""

import json
import shutil

import pytest

from tests.cli.command import facetell
from tests.lab_data import write_lab_data

pytest.importorskip("torch", reason="the training extra is not installed")


def test_the_result_is_shown_and_kept_in_the_card(tiny_model, tmp_path):
    model = tmp_path / "model.onnx"
    shutil.copy(tiny_model, model)
    data = write_lab_data(tmp_path / "lab" / "test", 4).parent
    before = json.loads(facetell("models", model, "--json").out)
    args = ("stress", model, "--data", data, "--out", tmp_path / "out", "--into-card")
    done = facetell(*args)
    assert (done.code, done.err) == (0, "")
    rows = json.loads((tmp_path / "out" / "stress.json").read_text())["robustness"]
    assert rows[0]["kind"] == "as it is"
    assert len(rows) > 30
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.count("data:image/png;base64,") == 1
    assert (tmp_path / "out" / "stress.svg").exists()
    after = json.loads(facetell("models", model, "--json").out)
    assert after == before | {"robustness": rows}
    assert "Robustness: 4 pictures of test" in facetell("models", model).out
    assert facetell("detect", next(data.rglob("*.jpg")), "--model", model).code == 0


def test_data_without_the_split_or_a_label_is_refused(tiny_model, tmp_path):
    data = write_lab_data(tmp_path / "train", 4)
    done = facetell("stress", tiny_model, "--data", data, "--out", tmp_path / "out")
    assert (done.code, "no picture of the split" in done.err) == (2, True)
    shutil.rmtree(data / "fake")
    done = facetell(
        *("stress", tiny_model, "--data", data, "--out", tmp_path / "out", "--split", "train")
    )
    assert (done.code, "no real and fake picture" in done.err) == (2, True)
