"""`facetell train`, `runs` and `export`: what a user meets, right or wrong."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from facetell.data.manifest import Sample, read_manifest, write_manifest
from facetell.detect.model import Model
from facetell.evaluate.found import val_table
from facetell.evaluate.runs import read_run
from facetell.evaluate.score import read_scores
from tests.cli.command import facetell, started
from tests.lab_data import write_lab_data

pytest.importorskip("torch", reason="the training extra is not installed")
# torch's own exporter uses what torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")

QUICK = ("--set", "architecture=baseline_cnn", "--set", "size_px=32", "--workers", "0")


@pytest.fixture(scope="session")
def labelled(tmp_path_factory):
    """A manifest of a small set with train and val, and its crop cache."""
    folder = write_lab_data(tmp_path_factory.mktemp("lab"), 24)
    paths = sorted(folder.rglob("*.jpg"))
    samples = [
        Sample(path, int(path.parent.name == "fake"), ("train", "val")[n % 3 == 2],
               path.parent.name, "", path.name)
        for n, path in enumerate(paths)
    ]  # fmt: skip
    write_manifest(samples, folder / "manifest.csv")
    assert facetell("data", "crops", folder, "--out", folder / "cache").code == 0
    return folder / "manifest.csv", folder / "cache"


def train_args(labelled, out, *more):
    manifest, cache = labelled
    return ("train", "--cache", cache, "--val", manifest, "--out", out, *QUICK, *more)


SHORT = ("--set", "samples=128", "--set", "check_every=64", "--set", "head_samples=64")


@pytest.fixture(scope="session")
def finished(labelled, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "first"
    done = facetell(*train_args(labelled, out, *SHORT))
    assert (done.code, done.err) == (0, "")
    return out


def test_a_run_folder_holds_all_that_came_of_it(finished):
    found = {path.relative_to(finished).as_posix() for path in finished.rglob("*")}
    assert {
        "config.yaml",
        "environment.json",
        "data.json",
        "metrics.json",
        "curves.png",
        "model.onnx",
        "checkpoints/head/last.ckpt",
        "checkpoints/all/last.ckpt",
        "checkpoints/all/best.ckpt",
        "logs/2-all/part-1/metrics.csv",
    } <= found
    assert any("tfevents" in name for name in found)
    data = json.loads((finished / "data.json").read_text())
    assert data["trained_on"] == {"fake": 8, "real": 8}
    assert data["pictures"]["val/fake"] == 4
    assert json.loads((finished / "environment.json").read_text())["packages"]["torch"]
    assert json.loads((finished / "metrics.json").read_text())["steps"] == 6
    losses = [point.step for point in read_run(finished).history if point.loss is not None]
    assert losses == [1, 2, 3, 4, 5, 6]


def test_the_model_of_a_run_judges_pictures(finished, labelled):
    picture = next(labelled[0].parent.glob("real/*.jpg"))
    done = facetell("detect", picture, "--model", finished / "model.onnx")
    assert done.code == 0
    assert "first " in facetell("models", finished / "model.onnx").out.splitlines()[0]


def test_what_lies_beside_a_model_is_what_the_model_says(finished, labelled, tmp_path):
    """Not the raw logits that it was calibrated by."""
    for path in (finished / "model.onnx", tmp_path / "other.onnx"):
        if not path.exists():
            val = ("--val", labelled[0], "--out", path)
            assert facetell("export", finished, *val).code == 0
        thresholds = Model.load(path).card.thresholds
        rows = read_scores(val_table(path, "web"))
        judged = [row for row in rows if row.status == "ok"]
        assert len(judged) > 4
        assert all(row.verdict == thresholds.verdict(row.p_fake) for row in judged)
        evaluated = facetell("evaluate", path, "--data", labelled[0], "--split", "val",
                             "--tier", "web", "--out", tmp_path / path.stem)  # fmt: skip
        assert evaluated.code == 0
        (written,) = (tmp_path / path.stem).rglob("scores.csv")
        again = {row.path: row for row in read_scores(written)}
        assert {row.path: row.verdict for row in judged} == {
            row.path: again[row.path].verdict for row in judged
        }


def test_groups_that_calibrate_are_not_learnt_from(labelled, tmp_path):
    samples = read_manifest(labelled[0])
    mixed = [replace(sample, group=f"person {n % 5}") for n, sample in enumerate(samples)]
    write_manifest(mixed, tmp_path / "mixed.csv")
    done = facetell("train", tmp_path / "mixed.csv", "--out", tmp_path / "run", *QUICK, *SHORT)
    assert (done.code, "5 groups are to be learnt from and to calibrate" in done.err) == (2, True)


def test_a_run_is_not_overwritten_and_a_finished_one_not_trained_again(finished, labelled):
    refused = facetell(*train_args(labelled, finished))
    assert (refused.code, "--resume" in refused.err) == (2, True)
    before = (finished / "model.onnx").read_bytes()
    done = facetell(*train_args(labelled, finished, "--resume", *SHORT))
    assert (done.code, "is finished" in done.out) == (0, True)
    other = facetell(*train_args(labelled, finished, "--resume"))
    assert (other.code, "by another recipe" in other.err) == (2, True)
    assert (finished / "model.onnx").read_bytes() == before


def test_runs_are_listed_and_a_broken_one_says_so(finished, tmp_path):
    listed = facetell("runs", finished.parent)
    assert (listed.code, "first" in listed.out, "finished" in listed.out) == (0, True, True)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "config.yaml").write_text("{")
    listed = facetell("runs", tmp_path)
    assert (listed.code, "broken" in listed.out) == (0, True)
    (tmp_path / "none").mkdir()
    assert "facetell train" in facetell("runs", tmp_path / "none").out
    assert facetell("runs", tmp_path / "gone").code == 2


def test_a_checkpoint_is_exported_and_calibrated(finished, labelled, tmp_path):
    out = tmp_path / "exported.onnx"
    done = facetell("export", finished, "--val", labelled[0], "--out", out)
    assert (done.code, done.err) == (0, "")
    assert Model.load(out).card.name == "first"
    assert facetell("export", finished, "--val", labelled[0], "--out", out, "--name", "a").code == 0
    assert Model.load(out).card.name == "a"
    folder = facetell("export", finished, "--val", labelled[0], "--out", tmp_path)
    assert (folder.code, "is a folder" in folder.err) == (2, True)
    refused = facetell("export", tmp_path, "--val", labelled[0], "--out", out)
    assert refused.code == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--set", "architecture=resnet5000"), "no architecture"),
        (("--set", "pretrained=no_such_package"), "no installed package"),
        (("--set", "batch=3"), "no batch"),
    ],
)
def test_a_wrong_setting_is_one_line_with_a_remedy(labelled, tmp_path, more, said):
    done = facetell(*train_args(labelled, tmp_path / "run", *more))
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_without_a_val_split_or_data_it_says_what_to_do(labelled, tmp_path):
    manifest, cache = labelled
    (tmp_path / "real").mkdir()
    for label in ("real", "fake"):
        (tmp_path / label).mkdir(exist_ok=True)
        picture = next(manifest.parent.glob(f"{label}/*.jpg"))
        (tmp_path / label / picture.name).write_bytes(picture.read_bytes())
    done = facetell("train", tmp_path, "--out", tmp_path / "run", *QUICK)
    assert (done.code, "facetell data split" in done.err) == (2, True)
    done = facetell("train", "--val", manifest, "--out", tmp_path / "run", *QUICK)
    assert (done.code, "nothing to train on" in done.err) == (2, True)
    assert cache.exists()


def test_pictures_that_calibrate_are_not_learnt_from_however_the_cache_was_filled(
    labelled, tmp_path
):
    manifest, cache = labelled
    other = tmp_path / "other.csv"
    samples = read_manifest(manifest)
    turned = {"train": "val", "val": "train"}
    write_manifest([replace(s, split=turned[s.split]) for s in samples], other)
    done = facetell(*train_args((other, cache), tmp_path / "run"))
    assert done.code == 2
    assert "to be learnt from and to calibrate" in done.err
    args = ("train", other, "--cache", cache, "--out", tmp_path / "run", *QUICK)
    facetell(*args, "--set", "samples=32")  # too little to be calibrated
    counted = json.loads((tmp_path / "run" / "data.json").read_text())["pictures"]
    val = sum(s.split == "train" for s in samples)
    assert counted["val/real"] + counted["val/fake"] == val


def test_a_run_does_not_go_on_with_other_pictures(labelled, tmp_path):
    manifest, cache = labelled
    args = ("--cache", cache, "--out", tmp_path / "run", *QUICK, "--set", "samples=32")
    facetell("train", manifest, *args)  # too little to be calibrated, so it has no model yet
    samples = read_manifest(manifest)
    write_manifest(samples[2:], tmp_path / "fewer.csv")
    done = facetell("train", tmp_path / "fewer.csv", *args, "--resume")
    assert done.code == 2
    assert "learnt from other data" in done.err


def test_ctrl_c_keeps_a_checkpoint_and_resume_ends_the_run(labelled, tmp_path):
    out = tmp_path / "run"
    more = ("--set", "samples=100000", "--set", "check_every=50000")
    process = started(*train_args(labelled, out, *more))
    wait_for_steps(process, out)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, "--resume" in printed, errors) == (130, True, "")
    assert (out / "checkpoints" / "all" / "last.ckpt").exists()
    assert not (out / "model.onnx").exists()
    assert "unfinished" in facetell("runs", out).out


def wait_for_steps(process, out: Path):
    """Until the log says that steps were done, or the process has ended."""
    log = out / "logs" / "1-all" / "part-1" / "metrics.csv"
    while process.poll() is None and not (log.exists() and len(log.read_text().splitlines()) > 2):
        pass
