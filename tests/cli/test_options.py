"""No option is dropped in silence: one that has no effect beside the others is refused."""

import pytest

from tests.cli.command import facetell


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("models", "--examples", "pictures"), "--examples"),
        (("models", "--scores", "table.csv"), "--scores"),
        (("detect", "clip.mp4", "--fps", 2, "--every-frame"), "--every-frame"),
        (("data", "forge", "reals", "--out", "fakes", "--autoencoder", "a.onnx"), "--autoencoder"),
    ],
)
def test_an_option_without_effect_is_refused(args, named, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = facetell(*args)
    assert done.code == 2
    assert f"{named} " in done.err.partition("Invalid value")[2]
