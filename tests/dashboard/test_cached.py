"""Nothing is computed twice."""

import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the dashboard extra is not installed")

from facetell.dashboard import cached
from facetell.dashboard.cached import kept, stamp, uploaded
from facetell.detect.analyze import Detector
from facetell.errors import OutputError
from facetell.evaluate.found import FoundModel


def test_what_was_made_once_is_not_made_again():
    made = []
    for _ in range(3):
        assert kept("number", ("once", "twice"), lambda: made.append(1) or "it") == "it"
    assert made == [1]


def test_the_oldest_of_a_kind_go_and_other_kinds_stay():
    kept("other kind", 0, lambda: "stays")
    for number in range(3):
        kept("few", number, lambda number=number: number, most=2)
    assert kept("few", 2, lambda: "again") == 2
    assert kept("few", 0, lambda: "again") == "again"
    assert kept("other kind", 0, lambda: "again") == "stays"


def test_what_fails_is_tried_again():
    with pytest.raises(ZeroDivisionError):
        kept("failing", 0, lambda: 1 / 0)
    assert kept("failing", 0, lambda: "well") == "well"


def test_a_model_is_opened_once_whoever_asks(monkeypatch, tiny_model):
    opened = []
    detector = Detector.load(tiny_model)
    monkeypatch.setattr(Detector, "load", lambda *args, **options: opened.append(1) or detector)
    model = FoundModel("tiny", tiny_model, 0.1, detector.model.card, "opened once")
    assert cached.detector(model) is detector
    assert cached.speed(model) > 0
    assert opened == [1]


def test_equal_content_is_one_file_under_its_own_name_and_never_elsewhere():
    path, digest = uploaded("../../face.jpg", b"content")
    assert path.read_bytes() == b"content"
    assert (path.name, path.parent.name) == ("face.jpg", digest)
    assert uploaded("face.jpg", b"content") == (path, digest)


def test_an_upload_that_meets_a_full_disk_is_never_taken_for_whole(monkeypatch):
    def full(path, data):
        path.touch()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OutputError, match="No space left"):
            uploaded("a.jpg", b"a whole picture")
    path, _ = uploaded("a.jpg", b"a whole picture")
    assert path.read_bytes() == b"a whole picture"
    assert [one.name for one in path.parent.iterdir()] == ["a.jpg"]


def test_sessions_that_are_given_the_same_file_at_once_all_have_it_whole(monkeypatch):
    write, together = Path.write_bytes, threading.Barrier(3, timeout=60)

    def slow(path, data):
        write(path, data)
        together.wait()

    with monkeypatch.context() as patched, ThreadPoolExecutor(3) as sessions:
        patched.setattr(Path, "write_bytes", slow)
        kept = list(sessions.map(lambda _: uploaded("b.jpg", b"of three"), range(3)))
    path, _ = kept[0]
    assert kept == [kept[0]] * 3
    assert path.read_bytes() == b"of three"
    assert [one.name for one in path.parent.iterdir()] == ["b.jpg"]


@pytest.mark.parametrize("name", ["写" * 100 + ".jpg", "x" * 5000 + ".jpg"])
def test_a_long_name_is_cut_and_its_ending_stays(name):
    for _ in range(2):
        path, _ = uploaded(name, b"content of a long name")
        assert path.read_bytes() == b"content of a long name"
        assert len(path.name.encode()) <= 160
        assert path.suffix == ".jpg"


def test_uploads_go_on_after_a_cleaner_of_temporary_folders():
    path, _ = uploaded("c.jpg", b"cleaned away")
    shutil.rmtree(path.parent.parent)
    assert uploaded("c.jpg", b"cleaned away")[0].read_bytes() == b"cleaned away"
    if sys.platform != "win32":  # which has no such modes
        assert path.parent.parent.stat().st_mode & 0o077 == 0


def test_a_path_that_cannot_be_has_a_stamp_all_the_same():
    assert stamp(Path("x" * 300))[1:] == (0, 0)
