"""`facetell generalise`: from labelled pictures to the matrix, and on again after a stop."""

import csv
import json
import shutil
from collections import Counter
from dataclasses import replace

import pytest

from facetell.data.layouts import read_dataset
from facetell.data.manifest import write_manifest
from facetell.errors import DataError
from tests.cli.command import facetell
from tests.lab_data import write_lab_data

pytest.importorskip("torch", reason="the training extra is not installed")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Two kinds of fakes, one of them unlike the other, in train, val and test."""
    folder = tmp_path_factory.mktemp("lab")
    samples = read_dataset(write_lab_data(folder / "data", 48)).samples
    kinds = {0: "green", 1: "other"}
    splits = ("train", "train", "test")
    made = [
        replace(s, split=splits[n // 4 % 3], generator=kinds[n % 2] if s.label else "")
        for n, s in enumerate(sorted(samples, key=lambda s: s.path.name))
    ]
    write_manifest(made, folder / "manifest.csv")
    return folder / "manifest.csv"


def arguments(manifest, out):
    small = ("architecture=baseline_cnn", "size_px=48", "batch_size=8", "samples=64")
    sets = [part for setting in (*small, "ema_decay=0.9") for part in ("--set", setting)]
    return ("generalise", manifest, "--out", out, "--least", 4, "--workers", 0, *sets)


def test_a_study_ends_with_a_matrix_and_goes_on_after_a_stop(manifest, tmp_path):
    out = tmp_path / "study"
    done = facetell(*arguments(manifest, out))
    assert (done.code, done.err) == (0, "")
    assert "3 trainings over 2 generators" in done.out
    assert "never seen: mean" in done.out
    found = json.loads((out / "matrix.json").read_text())
    assert set(found["auc"]) == {"all", "without green", "without other"}
    before = (out / "matrix.json").read_bytes()

    shutil.rmtree(out / "runs" / "without-green")
    again = facetell(*arguments(manifest, out))
    assert "training: without green" in again.out
    assert "training: all" not in again.out
    assert (out / "matrix.json").read_bytes() == before


def test_the_tests_can_be_made_smaller(manifest, tmp_path):
    done = facetell(*arguments(manifest, tmp_path / "out"), "--test-per-source", 6)
    assert (done.code, done.err) == (0, "")
    with (tmp_path / "out/runs/all/scores.csv").open(newline="") as file:
        sources = Counter(row["source"] for row in csv.DictReader(file))
    assert max(sources.values()) == 6


def test_what_was_tested_otherwise_is_not_mixed_in(manifest, tmp_path):
    out = tmp_path / "study"
    assert facetell(*arguments(manifest, out)).code == 0
    for other in (("--test-per-source", 6), ("--tier", "hard")):
        done = facetell(*arguments(manifest, out), *other)
        assert (done.code, "name another --out" in done.err) == (2, True)


def test_data_without_kinds_are_refused(tmp_path):
    data = write_lab_data(tmp_path / "data", 8)
    done = facetell(*arguments(data, tmp_path / "out"))
    assert (done.code, "fewer than two generators" in done.err) == (2, True)


def test_what_has_seen_the_kind_left_out_may_not_teach(manifest, tmp_path):
    from tests.cli.tiny_model import tiny_card, write_tiny_model

    source = next(s.source for s in read_dataset(manifest).samples if s.label)
    card = json.dumps(tiny_card(trained_on={source: 9}))
    teacher = write_tiny_model(tmp_path / "teacher.onnx", card)
    done = facetell(
        *arguments(manifest, tmp_path / "out"),
        "--set",
        f"teachers=[{teacher}]",
        "--set",
        "size_px=48",
    )
    assert (done.code, f"teacher.onnx has learnt from {source}" in done.err) == (2, True)


def test_a_cache_filled_under_other_splits_is_used_as_the_data_are_now(
    manifest, tmp_path, monkeypatch
):
    samples = read_dataset(manifest).samples
    turned = [replace(s, split={"train": "test", "test": "train"}[s.split]) for s in samples]
    write_manifest(turned, tmp_path / "turned.csv")
    cache = tmp_path / "cache"
    assert facetell("data", "crops", tmp_path / "turned.csv", "--out", cache).code == 0

    def train(chosen, opened, *_, **__):
        assert {r.sample.path: r.sample.split for r in opened.regions} == {
            s.path: s.split for s in samples
        }
        raise DataError("far enough", hint="none")

    monkeypatch.setattr("facetell.train.generalise.generalise", train)
    done = facetell(*arguments(manifest, tmp_path / "out"), "--cache", cache)
    assert (done.code, "far enough" in done.err) == (2, True)


def test_every_training_has_a_folder_of_its_own():
    from facetell.train.generalise import folder_names

    alike = folder_names(["only a b c", "only a-b c", "only a b-c", "only a/b"])
    assert list(alike.values()) == ["only-a-b-c", "only-a-b-c~2", "only-a-b-c~3", "only-a_b"]
