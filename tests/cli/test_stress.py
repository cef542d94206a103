"""`facetell stress`: a model's robustness, on paper and in its card."""

import json
import shutil
import threading

import pytest

from facetell.detect.card import Hardship, withstands_not
from facetell.evaluate.score import unjudged
from facetell.evaluate.stress import beside
from tests.cli.command import facetell
from tests.lab_data import run_folder, write_lab_data

pytest.importorskip("torch", reason="the training extra is not installed")

from facetell.train.attack import Seen


def test_the_result_is_shown_and_kept_in_the_card(tiny_model, tmp_path):
    model = tmp_path / "model.onnx"
    shutil.copy(tiny_model, model)
    data = write_lab_data(tmp_path / "lab" / "test", 4).parent
    before = json.loads(facetell("models", model, "--json").out)
    args = ("stress", model, "--data", data, "--out", tmp_path / "out", "--into-card")
    done = facetell(*args)
    assert (done.code, done.err) == (0, "")
    assert "may be chance" in done.out
    rows = json.loads((tmp_path / "out" / "stress.json").read_text())["robustness"]
    assert rows[0]["kind"] == "as it is"
    assert len(rows) > 30
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.count("data:image/png;base64,") == 1
    assert (tmp_path / "out" / "stress.svg").exists()
    after = json.loads(facetell("models", model, "--json").out)
    assert after == before | {"robustness": rows}
    assert "Robustness: 4 pictures of test" in facetell("models", model, "--all").out
    again = facetell(*args)
    assert (again.code, "taken out" in again.out) == (0, False)
    assert json.loads(facetell("models", model, "--json").out) == after
    told = tmp_path / "told.jsonl"
    done = facetell("detect", next(data.rglob("*.jpg")), "--model", model, "--json", told)
    assert done.code == 0
    assert all(row in told.read_text("utf-8") for row in withstands_not(_hardships(rows)))


def test_a_report_names_what_a_model_does_not_withstand():
    good = {"split": "val", "pictures": 9, "balanced_accuracy": 0.9, "uncertain": 0, "unjudged": 0}
    rows = _hardships(
        [
            good | {"kind": "as it is", "level": "", "auc": 0.95},
            good | {"kind": "blur", "level": "2", "auc": 0.92},
            good | {"kind": "noise", "level": "20", "auc": 0.6},
        ]
    )
    assert withstands_not(rows) == [
        "Badly treated pictures are told less well: of val pictures as they are, the AUC is 0.95; "
        "after noise 20 (0.60)."
    ]
    assert withstands_not(rows[:2]) == []
    assert withstands_not([]) == []


def _hardships(rows):
    return [Hardship.model_validate(row) for row in rows]


def test_data_without_the_split_or_a_label_is_refused(tiny_model, tmp_path):
    data = write_lab_data(tmp_path / "train", 4)
    done = facetell("stress", tiny_model, "--data", data, "--out", tmp_path / "out")
    assert (done.code, "no picture of the split" in done.err) == (2, True)
    shutil.rmtree(data / "fake")
    done = facetell(
        *("stress", tiny_model, "--data", data, "--out", tmp_path / "out", "--split", "train")
    )
    assert (done.code, "no real and fake picture" in done.err) == (2, True)


def test_an_attack_finds_its_faces_on_as_many_threads_as_asked(tiny_model, tmp_path, monkeypatch):
    together = threading.Barrier(2, timeout=20)

    def see(sample, detector):
        together.wait()
        return Seen(unjudged(sample, "attacked"), None)

    monkeypatch.setattr("facetell.train.attack.see", see)
    monkeypatch.setattr("facetell.train.checkpoints.load_run", lambda run: (None, None))
    data = write_lab_data(tmp_path / "lab" / "test", 4).parent
    run = run_folder(tmp_path / "run")
    shutil.copy(tiny_model, run / "model.onnx")
    args = ("--data", data, "--out", tmp_path / "out", "--threads", 2)
    done = facetell("stress", run, "--attack", *args)
    assert (done.code, "no face was found" in done.err) == (2, True)


def test_rows_of_other_pictures_are_not_mixed_into_the_card():
    def row(kind, **values):
        usual = {"level": "", "split": "val", "pictures": 9, "auc": 0.9, "balanced_accuracy": 0.9}
        return Hardship(kind=kind, **(usual | values), uncertain=0, unjudged=0)

    earlier = [row("as it is"), row("blur", auc=0.8)]
    again = [row("as it is", auc=0.901), row("FGSM", auc=0.1)]
    assert beside(again, earlier) == earlier[1:]
    assert beside([row("as it is"), row("blur", auc=0.7)], earlier) == []
    for other in ({"split": "test"}, {"pictures": 10}, {"auc": 0.95}):
        assert beside([row("as it is", **other)], earlier) == []
    assert beside(again, []) == []
