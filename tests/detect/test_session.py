"""Model files opened ahead of their use: the same file, the same errors, each given away once."""

import hashlib
import shutil

import pytest

from facetell.detect.session import FINDER_FILE, begin_to_open, open_onnx
from facetell.errors import ModelError


def test_a_file_opened_ahead_is_the_one_that_was_there_then(tmp_path):
    path = tmp_path / "finder.onnx"
    shutil.copy(FINDER_FILE, path)
    begin_to_open(path)
    ahead = open_onnx(path)
    assert ahead.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [i.name for i in ahead.session.get_inputs()] == ["pixels", "features"]


def test_a_file_opened_ahead_is_given_away_once(tmp_path):
    path = tmp_path / "finder.onnx"
    shutil.copy(FINDER_FILE, path)
    begin_to_open(path)
    assert open_onnx(path).session is not None
    path.write_bytes(b"something else by now")
    with pytest.raises(ModelError, match="damaged or no ONNX model"):
        open_onnx(path)


def test_what_goes_wrong_ahead_is_raised_where_the_file_is_wanted(tmp_path):
    begin_to_open(tmp_path / "missing.onnx", FINDER_FILE)
    with pytest.raises(ModelError, match="cannot be read"):
        open_onnx(tmp_path / "missing.onnx")
    assert open_onnx(FINDER_FILE).sha256 == hashlib.sha256(FINDER_FILE.read_bytes()).hexdigest()
