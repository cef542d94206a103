import numpy as np
import pytest

from facetell.evaluate.finder import (
    VIEWS,
    Reference,
    Tally,
    landmark_error,
    sheets,
    tally_sheets,
    tally_sources,
    tally_views,
    turned,
)
from facetell.types import FoundFaces
from tests.shared import DRAWN_LANDMARKS, drawn_face

BOX = [30, 20, 98, 112]


def faces(*boxes, scores=None):
    count = len(boxes)
    return FoundFaces(
        np.array(boxes, np.float32).reshape(count, 4),
        np.array(scores or [0.9] * count, np.float32),
        np.tile(DRAWN_LANDMARKS, (count, 1, 1)),
    )


def reference(source="drawn", seed=0):
    return Reference(f"{source}-{seed}", source, drawn_face(128, seed), faces(BOX))


class Answers:
    """A finder that says what it is told to."""

    def __init__(self, found):
        self.found = found

    def find_faces(self, image):
        return self.found


def test_a_face_found_is_counted_with_its_landmark_error():
    tally = Tally()
    tally.add("a", faces([32, 22, 100, 110]), faces(BOX))
    assert (tally.recall, tally.precision, tally.landmark_error) == (1.0, 1.0, 0.0)


def test_what_is_missed_and_what_is_invented_is_named():
    tally = Tally()
    tally.add("a", faces([0, 0, 20, 20]), faces(BOX))
    tally.add("b", faces(), faces(BOX, [0, 0, 10, 10], scores=[0.9, 0.5]))
    assert tally.recall == 0.0
    assert tally.missed == ["a", "b"]  # of the unsure face nobody asks
    assert tally.invented == ["a"]


def test_a_face_the_teacher_is_unsure_of_counts_neither_way():
    tally = Tally()
    tally.add("a", faces(BOX), faces(BOX, scores=[0.3]))
    assert tally.recall is None
    assert tally.precision == 1.0


def test_small_faces_are_left_out_on_demand():
    tally = Tally()
    tally.add("a", faces(), faces(BOX), min_px=100)
    assert tally.faces == 0


def test_the_landmark_error_is_measured_in_eye_distances():
    eyes = np.linalg.norm(DRAWN_LANDMARKS[1] - DRAWN_LANDMARKS[0])
    moved = DRAWN_LANDMARKS + np.array([0.1 * eyes, 0], np.float32)
    assert landmark_error(moved, DRAWN_LANDMARKS) == pytest.approx(0.1)


def test_a_turned_picture_carries_its_face_along():
    image, truth = turned(reference(), 90.0)
    assert image.shape == (128, 128, 3)
    assert truth.boxes_xyxy[0].tolist() == pytest.approx([128 - 112, 30, 128 - 20, 98], abs=0.5)
    x, y = DRAWN_LANDMARKS[0]
    assert truth.landmarks[0, 0].tolist() == pytest.approx([128 - y, x], abs=0.5)
    np.testing.assert_array_equal(image, np.rot90(reference().image, -1))


def test_sheets_hold_faces_of_one_size_where_they_say_they_are():
    pages = list(sheets([reference(seed=n) for n in range(80)], face_px=46.0))
    assert sum(len(truth) for _, _, truth in pages) == 80
    assert [name for name, _, _ in pages] == ["sheet 1", "sheet 2"]
    _, sheet, truth = pages[0]
    assert sheet.shape == (480, 640, 3)
    sides = (truth.boxes_xyxy[:, 2:] - truth.boxes_xyxy[:, :2]).max(axis=1)
    assert sides == pytest.approx(46.0)
    x0, y0, x1, y1 = truth.boxes_xyxy[3].round().astype(int)
    middle = sheet[(y0 + y1) // 2 - 4 : (y0 + y1) // 2, (x0 + x1) // 2 - 3 : (x0 + x1) // 2 + 3]
    assert middle.std(axis=(0, 1)).max() < 10  # skin, not ground


def test_sheets_never_enlarge_a_face():
    assert list(sheets([reference()], face_px=200.0)) == []


def test_every_view_is_looked_at():
    tallies = tally_views(Answers(faces(BOX)), [reference()])
    assert list(tallies) == list(VIEWS)
    assert tallies["as it is"].recall == 1.0
    assert tallies["turned by 30 degrees"].faces == 1


def test_sources_and_sizes_are_told_apart():
    references = [reference("one"), reference("two", 1)]
    finder = Answers(faces(BOX))
    assert {name: t.recall for name, t in tally_sources(finder, references).items()} == {
        "one": 1.0,
        "two": 1.0,
    }
    assert tally_sheets(finder, references)[20, 40].faces == 2
