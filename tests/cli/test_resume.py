"""An interrupted run goes on where it stopped."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.cli.command import csv_rows, facetell, rows
from tests.cli.tiny_model import tiny_card, write_tiny_model


@pytest.fixture
def run(small_portrait, tmp_path, tiny_model):
    """A finished run over six pictures: options to repeat it, and its JSON file."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(6):
        shutil.copy(small_portrait, folder / f"{number}.jpg")
    options = (folder, "--json", tmp_path / "r.jsonl", "--model", tiny_model)
    facetell("detect", *options)
    return options, tmp_path / "r.jsonl"


def cut_after(path, lines, rest=""):
    kept = path.read_text("utf-8").splitlines(keepends=True)[:lines]
    path.write_text("".join(kept) + rest, "utf-8")


def paths_in(out):
    return [Path(row["path"]).name for row in rows(out)]


@pytest.mark.parametrize("rest", ["", '{"schema_version":2,"path":"x'])
def test_each_file_is_there_once_and_in_order_after_resuming(run, rest):
    options, out = run
    cut_after(out, 2, rest)
    done = facetell("detect", *options, "--resume")
    assert done.code == 0
    assert "2 of them from the earlier run" in done.out
    assert paths_in(out) == [f"{number}.jpg" for number in range(6)]


def test_what_was_judged_is_not_judged_again(run):
    options, out = run
    before = out.read_text("utf-8")
    facetell("detect", *options, "--resume")
    assert out.read_text("utf-8") == before


def test_resuming_without_an_earlier_file_begins(run):
    options, out = run
    out.unlink()
    assert facetell("detect", *options, "--resume").code == 0
    assert len(rows(out)) == 6


def test_the_other_outputs_of_a_resumed_run_are_whole(run, tmp_path):
    options, out = run
    cut_after(out, 4)
    more = ("--csv", tmp_path / "r.csv", "--html", tmp_path / "r.html", "--heatmaps", tmp_path)
    facetell("detect", *options, "--resume", *more)
    assert len(csv_rows(tmp_path / "r.csv")) == 6
    assert (tmp_path / "r.html").read_text("utf-8").count('alt="Evidence over the face"') == 6
    assert len(list(tmp_path.glob("*.png"))) == 6


def test_a_picture_deleted_since_does_not_stop_a_resumed_run(run, tmp_path):
    options, out = run
    cut_after(out, 4)
    (options[0] / "0.jpg").unlink()
    more = ("--html", tmp_path / "r.html", "--heatmaps", tmp_path / "heat")
    done = facetell("detect", *options, "--resume", *more)
    assert done.code == 0
    assert len(rows(out)) == 6


def test_a_failure_of_the_earlier_run_still_shows_in_the_exit_code(run):
    options, out = run
    (options[0] / "0.jpg").write_bytes(b"")
    facetell("detect", *options)
    cut_after(out, 2)
    assert facetell("detect", *options, "--resume").code == 1


def test_what_has_changed_since_is_judged_again(run, small_portrait, tmp_path):
    options, out = run
    mended, broken = (options[0] / name for name in ("0.jpg", "1.jpg"))
    mended.write_bytes(b"")
    facetell("detect", *options)
    before = rows(out)
    shutil.copy(small_portrait, mended)
    broken.write_bytes(b"")
    for path in (mended, broken):
        os.utime(path, times=(out.stat().st_mtime + 1,) * 2)
    done = facetell("detect", *options, "--resume")
    assert (done.code, "4 of them from the earlier run" in done.out) == (1, True)
    assert rows(out)[:4] == before[2:]
    assert [(row["path"], row["status"]) for row in rows(out)[4:]] == [
        (str(mended), "ok"),
        (str(broken), "error"),
    ]
    assert not list(tmp_path.glob("*.part"))


def test_what_was_put_in_its_place_is_judged_again_however_old(run, small_portrait):
    options, out = run
    restored = options[0] / "0.jpg"
    restored.write_bytes(b"")
    facetell("detect", *options)
    restored.unlink()
    shutil.copy2(small_portrait, restored)
    os.utime(restored, ns=(0, 0))
    os.utime(out, ns=(restored.stat().st_ctime_ns - 10**9,) * 2)
    assert facetell("detect", restored, *options[1:], "--resume").code == 0
    assert {row["path"]: row["status"] for row in rows(out)}[str(restored)] == "ok"


def test_what_was_finished_while_the_run_went_on_is_judged_again(run, small_portrait):
    options, out = run
    growing = options[0] / "0.jpg"
    growing.write_bytes(small_portrait.read_bytes()[:5000])
    facetell("detect", *options)
    shutil.copy(small_portrait, growing)
    os.utime(out)  # the last row came after that
    assert facetell("detect", *options, "--resume").code == 0
    assert rows(out)[-1]["path"] == str(growing)


def test_what_was_missing_while_the_run_went_on_is_judged_again(run, small_portrait):
    options, out = run
    late = options[0] / "late.jpg"
    facetell("detect", options[0], late, *options[1:])
    shutil.copy(small_portrait, late)
    os.utime(out)
    assert facetell("detect", *options, "--resume").code == 0
    assert [row["status"] for row in rows(out)] == ["ok"] * 7


def test_what_has_changed_is_judged_again_though_others_were_resumed_first(run):
    options, out = run
    (options[0] / "0.jpg").write_bytes(b"")
    facetell("detect", options[0] / "1.jpg", *options[1:], "--resume")
    os.utime(out)
    facetell("detect", *options, "--resume")
    assert {Path(row["path"]).name for row in rows(out) if row["status"] == "error"} == {"0.jpg"}


def test_reports_of_earlier_releases_hold_for_what_is_older_than_they(run):
    options, out = run
    earlier = [{name: row[name] for name in row if name != "stamp"} for row in rows(out)]
    out.write_text("".join(f"{json.dumps(row)}\n" for row in earlier), "utf-8")
    changed = options[0] / "0.jpg"
    changed.write_bytes(b"")
    os.utime(changed, times=(out.stat().st_mtime + 1,) * 2)
    done = facetell("detect", *options, "--resume")
    assert (done.code, "5 of them from the earlier run" in done.out) == (1, True)


def test_resuming_with_fewer_files_keeps_the_failures_of_the_others(clip, tiny_model, tmp_path):
    files = [shutil.copy(clip, tmp_path / name) for name in ("a.mp4", "b.mp4")]
    options = ("--start", 5, "--json", tmp_path / "r.jsonl", "--model", tiny_model)
    facetell("detect", *files, *options)
    facetell("detect", files[0], *options, "--resume")
    assert sorted(paths_in(tmp_path / "r.jsonl")) == ["a.mp4", "b.mp4"]


def test_resuming_with_fewer_files_counts_nothing_as_left(run):
    options, _ = run
    done = facetell("detect", options[0] / "0.jpg", *options[1:], "--resume")
    assert done.code == 0
    assert "left" not in done.out


def test_a_report_that_stands_twice_leaves_no_file_uncounted(run):
    options, out = run
    cut_after(out, 6, out.read_text("utf-8").splitlines(keepends=True)[0])
    done = facetell("detect", *options, "--resume")
    assert done.code == 0
    assert "left" not in done.out


def test_resuming_with_another_model_is_refused_and_harms_nothing(run, tmp_path):
    options, out = run
    table = tmp_path / "r.csv"
    table.write_text("of the earlier run", "utf-8")
    before = out.read_text("utf-8")
    other = write_tiny_model(tmp_path / "other.onnx", json.dumps(tiny_card(version="2")))
    done = facetell("detect", *options[:-1], other, "--resume", "--csv", table)
    assert done.code == 2
    assert "--model" in done.err
    assert out.read_text("utf-8") == before
    assert table.read_text("utf-8") == "of the earlier run"


@pytest.mark.parametrize(
    "foreign",
    [b"my notes\n", b"my notes without an end", b'{"a": 1}\n', b"\xff\xd8\xff\xe0 a picture\n\xff"],
)
def test_resuming_into_a_foreign_file_is_refused_and_harms_nothing(run, foreign):
    options, out = run
    out.write_bytes(foreign)
    done = facetell("detect", *options, "--resume")
    assert done.code == 2
    assert str(out) in done.err
    assert out.read_bytes() == foreign
