"""`facetell evaluate` and `compare`: models and foreign scores in, numbers and pages out."""

import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facetell.data.manifest import Sample, read_manifest, write_manifest
from facetell.types import Status, Verdict
from tests.cli.command import facetell

pytest.importorskip("sklearn", reason="the training extra is not installed")

from facetell.evaluate.metrics import Interval
from facetell.evaluate.plots import plot_bars
from facetell.evaluate.score import unjudged, write_scores
from facetell.evaluate.subjects import subject_name, unique_name

COUNT = 120
PICTURES = ("roc", "confusion", "reliability", "histograms", "comparisons")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A manifest alone: for scores that are there already, no picture is opened."""
    folder = tmp_path_factory.mktemp("labelled")
    samples = [
        Sample(folder / f"{n:03}.jpg", n % 2, "test", ("web", "gan")[n % 2], "", f"g{n // 2}")
        for n in range(COUNT)
    ]
    write_manifest(samples, folder / "manifest.csv")
    return folder / "manifest.csv"


def table(path, strength, seed=0, missing=()):
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "p_fake"])
        for n in range(COUNT):
            p_fake = 1 / (1 + np.exp(-rng.normal() - strength * (n % 2 - 0.5)))
            rows.writerow([f"elsewhere/{n:03}.jpg", "" if n in missing else f"{p_fake:.4f}"])
    return path


def test_foreign_scores_become_numbers_pictures_and_a_page(labelled, tmp_path):
    scores = table(tmp_path / "other.csv", strength=4, missing=(3,))
    out = tmp_path / "out"
    done = facetell("evaluate", scores, "--data", labelled, "--out", out)
    assert (done.code, done.err) == (0, "")
    folder = out / "other" / "as-scored"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["reals"], metrics["fakes"], metrics["unjudged"]) == (60, 59, {"error": 1})
    assert metrics["auc"]["value"] > 0.9
    assert sum(map(sum, metrics["matrix"])) == COUNT - 1
    assert not metrics["may_be_chance"]
    for name in PICTURES:
        assert (folder / f"{name}.png").stat().st_size > 3000
        assert "<svg" in (folder / f"{name}.svg").read_text("utf-8")[:1000]
    page = (folder / "report.html").read_text("utf-8")
    assert page.count("data:image/png;base64,") == len(PICTURES)
    assert "May be chance" not in page
    assert "Worst kind of fake" not in page  # there is one alone
    assert "<th>uncertain</th>" in page
    assert "unsure" not in page + done.out
    assert "http" not in page.replace("http://www.w3.org", "")
    assert (folder / "scores.csv").exists()


def test_a_random_scorer_is_said_to_be_one(labelled, tmp_path):
    scores = table(tmp_path / "dice.csv", strength=0)
    facetell("evaluate", scores, "--data", labelled, "--out", tmp_path / "out")
    folder = tmp_path / "out" / "dice" / "as-scored"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert 0.4 < metrics["auc"]["value"] < 0.6
    assert metrics["may_be_chance"]
    assert "May be chance" in (folder / "report.html").read_text("utf-8")


def test_a_file_name_that_several_pictures_have_lends_none_of_them_a_score(tmp_path):
    samples = [
        Sample(
            tmp_path / label / f"{n}.jpg", int(label == "fake"), "test", label, "", f"{label}{n}"
        )
        for label in ("real", "fake")
        for n in range(3)
    ]
    write_manifest([*samples, replace(samples[0], path=tmp_path / "only.jpg")], tmp_path / "m.csv")
    scores = tmp_path / "scores.csv"
    scores.write_text("path,p_fake\nelsewhere/1.jpg,0.9\nelsewhere/only.jpg,0.2\n")
    done = facetell("evaluate", scores, "--data", tmp_path / "m.csv", "--out", tmp_path / "out")
    assert done.code == 0
    metrics = json.loads((tmp_path / "out" / "scores" / "as-scored" / "metrics.json").read_text())
    assert (metrics["reals"], metrics["fakes"], metrics["unjudged"]) == (1, 0, {"error": 6})


def test_two_scores_of_one_picture_are_refused_with_the_line(labelled, tmp_path):
    scores = tmp_path / "twice.csv"
    scores.write_text("path,p_fake\n000.jpg,0.1\n001.jpg,0.8\n000.jpg,0.9\n")
    done = facetell("evaluate", scores, "--data", labelled)
    assert (done.code, "twice.csv:4: 000.jpg has a score already" in done.err) == (2, True)


@pytest.fixture(scope="module")
def own(labelled):
    """A table with the columns of ours, as `evaluate` writes it."""
    rows = [unjudged(sample, "web") for sample in read_manifest(labelled)]
    rows = [
        replace(row, status=Status.OK, log_odds=odds, p_fake=0.5, verdict=Verdict.FAKE)
        for odds, row in enumerate(rows)
    ]
    write_scores(rows, labelled.with_name("own.csv"))
    return labelled.with_name("own.csv")


def test_two_tiers_in_one_table_of_ours_are_refused_with_the_line(labelled, own, tmp_path):
    text = own.read_text()
    body = text.partition("\n")[2]
    (tmp_path / "both.csv").write_text(text + body.replace(",web,", ",hard,"))
    done = facetell("evaluate", tmp_path / "both.csv", "--data", labelled)
    assert (done.code, f"both.csv:{COUNT + 2}: " in done.err) == (2, True)
    assert "has a score already" in done.err


def test_a_table_of_ours_without_verdicts_is_refused_with_a_remedy(labelled, own, tmp_path):
    """Such as that of a study of kinds left out, whose networks were never calibrated."""
    (tmp_path / "bare.csv").write_text(own.read_text().replace(",fake,\n", ",,\n"))
    done = facetell("evaluate", tmp_path / "bare.csv", "--data", labelled)
    assert (done.code, "a score without a verdict" in done.err) == (2, True)
    assert "only the columns path,p_fake" in done.err


def test_several_are_compared_on_the_same_samples(labelled, tmp_path):
    good = table(tmp_path / "good.csv", strength=6)
    poor = table(tmp_path / "poor.csv", strength=0.5, seed=1, missing=(0, 1))
    done = facetell("compare", good, poor, "--data", labelled, "--out", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    assert "a real difference" in done.out
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (metrics["samples"], metrics["left_out"]) == (COUNT - 2, 2)
    assert metrics["differences"][0]["real"]
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.count("data:image/png;base64,") == 2


def test_a_model_file_is_measured_in_the_tiers(portrait, tiny_model, tmp_path):
    folder = tmp_path / "pair"
    for label in ("real", "fake"):
        (folder / "test" / label).mkdir(parents=True)
        (folder / "test" / label / "face.jpg").write_bytes(portrait.read_bytes())
    out = tmp_path / "out"
    done = facetell("evaluate", tiny_model, "--data", folder, "--tier", "web", "--out", out)
    assert (done.code, done.err) == (0, "")
    metrics = json.loads((out / "tiny" / "web" / "metrics.json").read_text())
    assert (metrics["tier"], metrics["reals"], metrics["fakes"]) == ("web", 1, 1)
    done = facetell(
        *("compare", tiny_model, tiny_model, "--data", folder, "--tier", "clean"),
        *("--out", tmp_path / "both"),
    )
    assert done.code == 0
    assert "tiny~2" in done.out


@pytest.mark.parametrize("flag", [[], ["--parquet"]])
def test_scores_that_were_written_are_read_again_with_their_verdicts(
    portrait, tiny_model, tmp_path, flag
):
    folder = tmp_path / "pair"
    for label in ("real", "fake"):
        (folder / "test" / label).mkdir(parents=True)
        (folder / "test" / label / "face.jpg").write_bytes(portrait.read_bytes())
    facetell("evaluate", tiny_model, "--data", folder, "--tier", "web", "--out", tmp_path, *flag)
    (table,) = (tmp_path / "tiny" / "web").glob("scores.*")
    done = facetell("evaluate", table, "--data", folder, "--out", tmp_path / "again")
    assert (done.code, done.err) == (0, "")
    before, after = (
        json.loads((place / "web" / "metrics.json").read_text())
        for place in (tmp_path / "tiny", tmp_path / "again" / "scores")
    )
    assert after == before | {"model": "scores"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "no table of scores"),
        ("path,p_fake\n000.jpg,much\n", ":2: p_fake 'much'"),
        ("path,p_fake\n000.jpg,7\n", "no probability"),
        ("path,p_fake\nother.jpg,0.5\n", "for none of the"),
    ],
)
def test_a_wrong_table_is_refused_with_the_place(labelled, tmp_path, text, said):
    (tmp_path / "scores.csv").write_text(text)
    done = facetell("evaluate", tmp_path / "scores.csv", "--data", labelled)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_pictures_without_a_face_are_an_error_with_a_remedy(landscape, tiny_model, tmp_path):
    for label in ("real", "fake"):
        (tmp_path / "test" / label).mkdir(parents=True)
        (tmp_path / "test" / label / "a.png").write_bytes(landscape.read_bytes())
    landscape.unlink()
    done = facetell("evaluate", tiny_model, "--data", tmp_path, "--tier", "clean")
    assert (done.code, "none of the 2 pictures could be judged" in done.err) == (2, True)


def test_several_splits_are_measured_together(tmp_path):
    samples = [
        Sample(tmp_path / f"{n:03}.jpg", n % 2, ("val", "test")[n // 2 % 2], "web", "", f"g{n}")
        for n in range(COUNT)
    ]
    write_manifest(samples, tmp_path / "manifest.csv")
    scores, out = table(tmp_path / "s.csv", strength=4), tmp_path / "tables.md"
    measure = ("evaluate", scores, "--data", tmp_path / "manifest.csv", "--markdown", out)
    for splits, pictures in ((["val"], COUNT // 2), (["val", "test"], COUNT)):
        done = facetell(*measure, *(word for split in splits for word in ("--split", split)))
        assert (done.code, done.err) == (0, "")
        text = out.read_text("utf-8")
        assert f"# s on {' and '.join(splits)}\n" in text
        assert f"\n{pictures} pictures;" in text


def test_wrong_use_is_one_line(labelled, tmp_path):
    scores = table(tmp_path / "s.csv", strength=1)
    for args, said in (
        (
            ("evaluate", scores, "--data", labelled, "--split", "test", "--split", "val"),
            "no picture of the split 'val'",
        ),
        (("evaluate", scores, "--data", labelled, "--tier", "muddy"), "no tier"),
        (("compare", scores, "--data", labelled, "--out", tmp_path), "nothing to compare"),
    ):
        done = facetell(*args)
        assert (done.code, said in done.err) == (2, True)


def test_scores_next_to_certain_are_ranked_like_all_others(labelled, tmp_path):
    """Beyond 1 - 1e-6 they were once taken for equal."""
    scores = tmp_path / "sure.csv"
    sure = (1 - 1e-7, 1 - 1e-8)
    rows = [f"{n:03}.jpg,{sure[n % 2]}" for n in range(2, COUNT)]
    scores.write_text("\n".join(["path,p_fake", "000.jpg,0", "001.jpg,1", *rows]), "utf-8")
    done = facetell("evaluate", scores, "--data", labelled, "--out", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    found = json.loads((tmp_path / "out" / "sure" / "as-scored" / "metrics.json").read_text())
    assert (found["auc"]["value"], found["caught_at_1"]["value"]) == (1, 1)


def test_a_model_of_a_run_is_called_by_it_from_wherever(tmp_path, monkeypatch):
    (tmp_path / "mine" / "sub").mkdir(parents=True)
    for here, path in (("mine", "model.onnx"), ("mine/sub", "../model.onnx")):
        monkeypatch.chdir(tmp_path / here)
        assert subject_name(Path(path)) == "mine"


@pytest.mark.parametrize("path", [b"old\xff.onnx", b"/runs/old\xff/model.onnx"])
def test_a_name_that_is_not_utf8_is_drawn_after_hours_of_scoring(path, tmp_path):
    name = subject_name(Path(os.fsdecode(path)))
    assert name == "old?"
    plot_bars({name: Interval(0.5, 0.4, 0.6)}, tmp_path / "bars.svg", title=name)


def test_no_two_are_called_alike_also_where_a_file_is_called_like_the_second_of_a_name():
    names = []
    for name in ("a", "a~2", "a", "a~2", "a"):
        names.append(unique_name(name, names))
    assert names == ["a", "a~2", "a~3", "a~2~2", "a~4"]
