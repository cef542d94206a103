"""`facetell detect` on clips: rows, tables, pages, annotated copies, limits."""

import io
import os
import shutil
import signal
import sys
import threading
import time
from itertools import chain, repeat
from types import SimpleNamespace

import av
import numpy as np
import pytest
from rich.console import Console

from facetell.cli.drawn import heatmaps
from facetell.cli.progress import files_and_clips
from facetell.cli.resume import read_reports
from facetell.cli.screen import _NoBars
from facetell.detect import video
from facetell.errors import MediaError
from tests.cli.command import csv_rows, facetell, rows
from tests.clips import counting, nodding, on_ground, portrait, write_clip
from tests.detect.test_video import write_late


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Two seconds of one person; to be copied."""
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4", nodding(portrait(), 20))


@pytest.fixture
def clip(film, tmp_path):
    (tmp_path / "in").mkdir()
    return shutil.copy(film, tmp_path / "in" / "film.mp4")


def detect(tiny_model, *args):
    return facetell("detect", *args, "--model", tiny_model)


def test_pictures_and_clips_of_a_folder_have_a_row_each(clip, small_portrait, tiny_model, tmp_path):
    shutil.copy(small_portrait, clip.parent / "face.jpg")
    out = tmp_path / "r.jsonl"
    done = detect(tiny_model, clip.parent, "--json", out, "--csv", tmp_path / "r.csv")
    assert done.code == 0
    assert [row["kind"] for row in rows(out)] == ["image", "video"]
    assert [row["faces"] for row in csv_rows(tmp_path / "r.csv")] == ["1", "1"]
    assert rows(out)[1]["clip"]["tracks"][0]["timeline"]


def test_the_table_of_frames_has_every_sample(clip, tiny_model, tmp_path):
    out = tmp_path / "r.jsonl"
    detect(tiny_model, clip, "--json", out, "--frames", tmp_path / "f.csv", "--fps", 5)
    (track,) = rows(out)[0]["clip"]["tracks"]
    table = csv_rows(tmp_path / "f.csv")
    assert [float(row["time_s"]) for row in table] == [s["time_s"] for s in track["timeline"]]
    assert {row["track"] for row in table} == {"1"}
    assert all(0 <= float(row["p_fake"]) <= 1 for row in table)
    assert len(table) == 10


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        ((), 8),
        (("--fps", 2), 4),
        (("--every-frame",), 20),
        (("--fps", 10, "--start", 1), 10),
        (("--fps", 10, "--end", 0.5), 5),
        (("--fps", 10, "--start", 1, "--max-seconds", 0.3), 3),
    ],
    ids=str,
)
def test_options_choose_the_frames(clip, tiny_model, tmp_path, options, frames):
    detect(tiny_model, clip, *options, "--json", tmp_path / "r.jsonl")
    assert rows(tmp_path / "r.jsonl")[0]["clip"]["frames_judged"] == frames


def test_an_end_before_the_start_is_wrong_use(clip, tiny_model):
    assert detect(tiny_model, clip, "--start", 5, "--end", 4).code == 2


def test_the_time_allowed_for_a_clip_is_kept(clip, tiny_model, tmp_path):
    write_clip(clip, nodding(portrait(), 20) * 20)
    out, film = tmp_path / "r.jsonl", tmp_path / "a.mp4"
    options = ("--every-frame", "--json", out, "--annotate", film, "--threads", 1)
    assert detect(tiny_model, clip, *options, "--timeout", 0.7).code == 0
    (found,) = (row["clip"] for row in rows(out))
    assert 0 < found["frames_judged"] < 400
    assert not found["complete"]
    with av.open(str(film)) as drawn:  # what was not looked at is not shown as if it were
        assert sum(1 for _ in drawn.decode(video=0)) == found["frames_judged"]


def test_more_time_judges_again_what_had_too_little(clip, tiny_model, tmp_path, monkeypatch):
    out = tmp_path / "r.jsonl"
    ticks = chain(repeat(0, 10), repeat(float("inf")))  # the time is over in the midst of the clip
    monkeypatch.setattr(video, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    assert detect(tiny_model, clip, "--json", out, "--timeout", 60).code == 0
    assert [row["clip"]["complete"] for row in rows(out)] == [False]
    assert detect(tiny_model, clip, "--json", out, "--resume").code == 0
    assert [row["clip"]["complete"] for row in rows(out)] == [True]


def press_ctrl_c(*_):
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    time.sleep(0.2)  # in which the main thread hears it


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise on Windows")
def test_a_clip_that_ctrl_c_ended_is_judged_again(clip, tiny_model, tmp_path, monkeypatch):
    out = tmp_path / "r.jsonl"
    monkeypatch.setattr(_NoBars, "watched", press_ctrl_c)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done = detect(tiny_model, clip, "--json", out)
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.code == 130
    assert [row["clip"]["complete"] for row in rows(out)] == [False]
    monkeypatch.undo()
    assert detect(tiny_model, clip, "--json", out, "--resume").code == 0
    assert [row["clip"]["complete"] for row in rows(out)] == [True]


@pytest.mark.parametrize("part", [("--start", 20), ("--end", 5)], ids=str)
def test_another_part_judges_again_what_had_no_frame(tiny_model, tmp_path, part):
    late, out = tmp_path / "late.mp4", tmp_path / "r.jsonl"
    write_late(late, nodding(portrait(), 10), 10)
    assert detect(tiny_model, late, "--json", out, *part).code == 1
    done = detect(tiny_model, late, "--json", out, "--resume")
    assert done.code == 0
    assert [row["status"] for row in rows(out)] == ["ok"]


@pytest.mark.parametrize("options", [("--fps", "inf"), ("--start", 1e16), ("--end", "inf")])
def test_times_without_end_are_wrong_use(clip, tiny_model, options):
    assert detect(tiny_model, clip, *options).code == 2


def test_an_annotated_copy_shows_the_boxes_and_the_time_line(clip, tiny_model, tmp_path):
    out = tmp_path / "new" / "annotated.mp4"
    assert detect(tiny_model, clip, "--annotate", out).code == 0
    with av.open(str(clip)) as before, av.open(str(out)) as after:
        pictures = [frame.to_ndarray(format="rgb24") for frame in before.decode(video=0)]
        drawn = [frame.to_ndarray(format="rgb24") for frame in after.decode(video=0)]
    assert len(drawn) == len(pictures)
    height, width = pictures[0].shape[:2]
    assert drawn[0].shape[0] > height
    changed = np.abs(drawn[9][:height, :width].astype(int) - pictures[9]).max(axis=2) > 60
    assert 0.005 < changed.mean() < 0.2
    assert not np.array_equal(drawn[2][height:], drawn[15][height:])


def test_an_annotated_copy_of_a_part_begins_with_that_part(clip, tiny_model, tmp_path):
    assert detect(tiny_model, clip, "--annotate", tmp_path / "a.mp4", "--start", 1).code == 0
    with av.open(str(tmp_path / "a.mp4")) as film:
        first = next(film.decode(video=0))
        assert first.time == pytest.approx(0, abs=0.01)
        assert film.duration / av.time_base < 2.2


def test_no_annotated_copy_is_said_to_be_written_where_nothing_is_a_clip(
    clip, small_portrait, tiny_model, tmp_path
):
    annotate = ("--annotate", tmp_path / "a.mp4")
    assert "wrote" in detect(tiny_model, clip, *annotate).out
    for name in ("photo", "damaged"):
        judged = tmp_path / name
        data = small_portrait.read_bytes() if name == "photo" else clip.read_bytes()[:-600]
        judged.write_bytes(data)
        done = detect(tiny_model, judged, *annotate)
        assert "wrote" not in done.out
        assert done.out.replace("\n", "").endswith("a.mp4 was written")


@pytest.mark.parametrize("size_wh", [(2, 2), (31, 47), (130, 16)], ids=str)
def test_clips_of_odd_sizes_are_annotated(tiny_model, tmp_path, size_wh):
    width, height = size_wh
    path = write_clip(tmp_path / "c.avi", counting(5, height, width), codec="ffv1")
    out = tmp_path / "a.mp4"
    assert detect(tiny_model, path, "--whole", "--annotate", out).code == 0
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5


def test_annotated_copies_of_several_clips_go_into_a_folder(clip, tiny_model, tmp_path):
    shutil.copy(clip, clip.parent / "other.mp4")
    folder = clip.parent  # they are not judged in the next run
    for _ in range(2):
        done = detect(tiny_model, folder, "--annotate", folder, "--json", tmp_path / "r.jsonl")
        assert done.code == 0
        assert len(rows(tmp_path / "r.jsonl")) == 2
    assert len(list(folder.glob("*annotated.mp4"))) == 2


def test_one_annotated_file_for_several_clips_is_refused(clip, tiny_model, tmp_path):
    shutil.copy(clip, clip.parent / "other.mp4")
    done = detect(tiny_model, clip.parent, "--annotate", tmp_path / "a.mp4")
    assert done.code == 2
    assert "folder" in done.err


def test_an_annotated_copy_overwrites_another_one_but_no_clip(clip, tiny_model, tmp_path):
    out = tmp_path / "a.mp4"
    for _ in range(2):
        assert detect(tiny_model, clip, "--annotate", out).code == 0
    before = clip.read_bytes()
    for mine in (clip, shutil.copy(clip, tmp_path / "mine.mp4")):
        assert detect(tiny_model, clip, "--annotate", mine).code == 2
    assert clip.read_bytes() == before


def test_pages_evidence_and_boxes_show_frames_of_the_clip(clip, tiny_model, tmp_path):
    out = ("--html", tmp_path / "r.html", "--heatmaps", tmp_path / "h", "--boxes", tmp_path / "b")
    assert detect(tiny_model, clip, *out).code == 0
    page = (tmp_path / "r.html").read_text("utf-8")
    shown = page.count('alt="Evidence over the face"')
    assert shown >= 1
    assert len(list((tmp_path / "h").iterdir())) == len(list((tmp_path / "b").iterdir())) == shown
    assert page.count("<svg") == 1


def test_a_run_over_clips_goes_on_where_it_stopped(clip, tiny_model, tmp_path):
    shutil.copy(clip, clip.parent / "other.mp4")
    out = tmp_path / "r.jsonl"
    detect(tiny_model, clip.parent, "--json", out)
    whole = out.read_text("utf-8")
    out.write_text(whole.splitlines(keepends=True)[0], "utf-8")
    done = detect(tiny_model, clip.parent, "--json", out, "--resume")
    assert "1 of them from the earlier run" in done.out
    assert len(rows(out)) == 2


def test_the_annotated_copy_of_a_resumed_run_is_of_the_clip_named(clip, tiny_model, tmp_path):
    longer = write_clip(clip.parent / "longer.mp4", nodding(portrait(), 30))
    out, film = tmp_path / "r.jsonl", tmp_path / "a.mp4"
    detect(tiny_model, clip, longer, "--json", out)
    done = detect(tiny_model, clip, "--json", out, "--resume", "--annotate", film)
    assert done.code == 0
    with av.open(str(film)) as drawn:
        assert sum(1 for _ in drawn.decode(video=0)) == 20


def test_evidence_that_is_not_found_again_is_told_of(clip, tiny_model, tmp_path):
    out = tmp_path / "r.jsonl"
    detect(tiny_model, clip, "--json", out)
    write_clip(clip, nodding(portrait(), 2))
    os.utime(clip, ns=(0, 0))
    report = next(read_reports(out))
    with pytest.raises(MediaError, match="not found again"):
        list(heatmaps(report))


def test_a_run_with_other_frames_does_not_go_on_in_the_same_file(clip, tiny_model, tmp_path):
    out = tmp_path / "r.jsonl"
    detect(tiny_model, clip, "--json", out)
    before = out.read_text("utf-8")
    done = detect(tiny_model, clip, "--json", out, "--resume", "--fps", 1)
    assert done.code == 2
    assert "--fps" in done.err
    assert out.read_text("utf-8") == before


def test_reports_of_the_first_schema_are_not_mixed_with_those_of_now(clip, tiny_model, tmp_path):
    out = tmp_path / "r.jsonl"
    detect(tiny_model, clip, "--json", out)
    out.write_text(out.read_text("utf-8").replace('"schema_version": 2', '"schema_version": 1'))
    done = detect(tiny_model, clip, "--json", out, "--resume")
    assert done.code == 2
    assert "reports of this version" in done.err


def test_a_clip_without_a_face_is_drawn_without_boxes(tiny_model, tmp_path):
    path = write_clip(tmp_path / "empty.mp4", nodding(on_ground(), 10))
    out = ("--annotate", tmp_path / "a.mp4", "--html", tmp_path / "r.html")
    done = detect(tiny_model, path, *out, "--frames", tmp_path / "f.csv")
    assert done.code == 0
    assert "no_face" in done.out
    assert (tmp_path / "a.mp4").stat().st_size > 0
    assert csv_rows(tmp_path / "f.csv") == []


def test_the_progress_of_clips_is_told_in_seconds_and_never_falls():
    with files_and_clips(3, Console(force_terminal=True, file=io.StringIO())) as bars:
        bars.watched("a", 1.0, 10.0)
        bars.watched("b", 2.0, None)
        bars.watched("a", 5.0, 10.0)
        bars.done(1)
        files, clips = bars.progress.tasks
        assert (clips.completed, clips.total) == (7.0, 12.0)
        assert clips.fields["count"] == "7/12 s"
        assert (files.completed, files.total) == (1, 3)


def test_clips_are_measured_into_a_folder_a_file_or_the_terminal(film, tiny_model, tmp_path):
    for label in ("real", "fake"):
        (tmp_path / "test" / label).mkdir(parents=True)
        shutil.copy(film, tmp_path / "test" / label / f"{label}.mp4")
    write = ("--out", tmp_path / "out", "--markdown", tmp_path / "new" / "m.md")
    done = facetell("clips", "evaluate", tiny_model, "--data", tmp_path, *write)
    assert (done.code, done.err) == (0, "")
    text = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert text in done.out
    assert (tmp_path / "new" / "m.md").read_text("utf-8") == text
