"""Nothing is computed twice."""

import pytest

pytest.importorskip("streamlit", reason="the dashboard extra is not installed")

from facetell.dashboard.cached import kept, uploaded


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


def test_equal_content_is_one_file_under_its_own_name_and_never_elsewhere():
    path, digest = uploaded("../../face.jpg", b"content")
    assert path.read_bytes() == b"content"
    assert (path.name, path.parent.name) == ("face.jpg", digest)
    assert uploaded("face.jpg", b"content") == (path, digest)
