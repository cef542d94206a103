"""File names hold whatever bytes people and systems put there."""

import os
import shutil

import pytest

from tests.cli.command import csv_rows, facetell, facetell_process, rows

NAMES = {
    "line break": "line\nbreak.jpg",
    "control code": "red \x1b[31m.jpg",
    "emoji": "\N{GRINNING FACE}.jpg",
    "markup": "<b>&amp;<script>.jpg",
    "right to left": "\u202egpj.exe",
    "leading dash": "-dash.jpg",
    "square brackets": "[bold]x[bold].jpg",
    "comma and quote": "a,\"b'.jpg",
    "eighty characters of three bytes": "\N{CJK UNIFIED IDEOGRAPH-5199}" * 80 + ".jpg",
    "not UTF-8": os.fsdecode(b"bad\xff\xfe.jpg"),
}


@pytest.fixture(params=NAMES)
def odd(request, small_portrait, tmp_path):
    """A portrait of an odd name."""
    path = tmp_path / "in" / NAMES[request.param]
    path.parent.mkdir()
    try:
        shutil.copy(small_portrait, path)
    except OSError:
        pytest.skip("this file system does not take such a name")
    return path


def test_a_file_of_any_name_is_judged_into_every_output(odd, tiny_model, tmp_path):
    out = tmp_path / "out"
    done = facetell(
        *("detect", odd.parent, "--model", tiny_model, "--json", out / "r.jsonl"),
        *("--csv", out / "r.csv", "--html", out / "r.html", "--heatmaps", out / "heat"),
    )
    assert (done.code, done.err) == (0, "")
    assert len(rows(out / "r.jsonl")) == 1
    assert len(csv_rows(out / "r.csv")) == 1
    assert len(list((out / "heat").iterdir())) == 1
    assert "<script" not in (out / "r.html").read_text("utf-8")
    assert "<b>" not in (out / "r.html").read_text("utf-8")


def test_a_row_of_the_printed_table_stays_one_plain_line(odd, tiny_model):
    done = facetell("detect", odd.parent, "--model", tiny_model)
    assert len(done.out.splitlines()) == 4  # head, row, limit, count
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out


def test_names_of_any_language_are_printed_as_they_are(tiny_model, tmp_path):
    pytest.importorskip("matplotlib", reason="the training extra is not installed")
    name = "M\N{LATIN SMALL LETTER U WITH DIAERESIS}ller \N{CJK UNIFIED IDEOGRAPH-5199}"
    for command in (("detect",), ("explain", "--out", tmp_path / "out")):
        done = facetell(*command, tmp_path / f"{name}\x1b.jpg", "--model", tiny_model)
        assert f"{name}\\x1b.jpg" in done.out
        assert "\x1b" not in done.out


def test_square_brackets_in_a_name_are_no_markup(small_portrait, tiny_model, tmp_path):
    shutil.copy(small_portrait, tmp_path / NAMES["square brackets"])
    done = facetell("detect", tmp_path, "--model", tiny_model)
    assert NAMES["square brackets"] in done.out


def test_an_ascii_terminal_takes_every_name(small_portrait, tiny_model, tmp_path):
    for name in ("emoji", "not UTF-8"):
        try:
            shutil.copy(small_portrait, tmp_path / NAMES[name])
        except OSError:
            pytest.skip("this file system does not take such a name")
    done = facetell_process("detect", tmp_path, "--model", tiny_model, PYTHONIOENCODING="ascii")
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) == 5


def test_a_name_with_a_leading_dash_is_taken_after_two_dashes(
    small_portrait, tiny_model, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(small_portrait, NAMES["leading dash"])
    assert facetell("detect", "--model", tiny_model, "--", "-dash.jpg").code == 0
