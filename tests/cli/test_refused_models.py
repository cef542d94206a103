"""A model that cannot be used judges nothing: exit code 3, the cause and the remedy."""

import json

import numpy as np
import pytest

from facetell.detect.session import DEFAULT_MODEL
from tests.cli.command import facetell
from tests.cli.tiny_model import tiny_card, write_tiny_model


def missing(path):
    """Nothing is written."""


def empty(path):
    path.write_bytes(b"")


def folder(path):
    path.mkdir()


def random_bytes(path):
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def truncated(path):
    path.write_bytes(DEFAULT_MODEL.read_bytes()[:100_000])


def without_card(path):
    write_tiny_model(path, None)


def broken_card(path):
    write_tiny_model(path, json.dumps(tiny_card())[:-20])


def card_without_thresholds(path):
    card = tiny_card()
    del card["thresholds"]
    write_tiny_model(path, json.dumps(card))


def newer_card(path):
    write_tiny_model(path, json.dumps(tiny_card(card_version=99)))


def newer_card_with_its_version_as_text(path):
    write_tiny_model(path, json.dumps(tiny_card(card_version="99")))


def newer_card_of_another_shape(path):
    write_tiny_model(path, json.dumps({"card_version": 2, "everything": "new"}))


def card_of_another_size(path):
    write_tiny_model(path, json.dumps(tiny_card()), side_px=64)


def card_that_divides_by_zero(path):
    card = tiny_card()
    card["crop"]["std"] = [0, 0, 0]
    write_tiny_model(path, json.dumps(card))


WAYS = [
    missing,
    empty,
    folder,
    random_bytes,
    truncated,
    without_card,
    broken_card,
    card_without_thresholds,
    newer_card,
    newer_card_with_its_version_as_text,
    newer_card_of_another_shape,
    card_of_another_size,
    card_that_divides_by_zero,
]


@pytest.mark.parametrize("spoil", WAYS, ids=lambda way: way.__name__)
def test_an_unusable_model_is_refused_with_the_remedy(spoil, portrait, tmp_path):
    path = tmp_path / "model.onnx"
    spoil(path)
    done = facetell("detect", portrait, "--model", path, "--json", tmp_path / "r.jsonl")
    cause, remedy = done.err.splitlines()
    assert done.code == 3
    assert cause.startswith("facetell: ")
    assert str(path) in cause
    assert remedy.strip()
    assert "verdict" not in done.out
    assert not (tmp_path / "r.jsonl").exists()


@pytest.mark.parametrize("spoil", [newer_card, newer_card_of_another_shape])
def test_a_newer_model_asks_for_an_upgrade(spoil, portrait, tmp_path):
    spoil(tmp_path / "model.onnx")
    assert "upgrade" in facetell("detect", portrait, "--model", tmp_path / "model.onnx").err


def test_models_refuses_it_alike(tmp_path):
    without_card(tmp_path / "model.onnx")
    assert facetell("models", tmp_path / "model.onnx").code == 3


def test_of_a_run_folder_the_model_file_is_named(tmp_path):
    (tmp_path / "model.onnx").touch()
    done = facetell("detect", "photo.jpg", "--model", tmp_path)
    assert done.code == 3
    assert f"name the file: {tmp_path / 'model.onnx'}" in done.err
