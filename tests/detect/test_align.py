import numpy as np
import pytest

from facetell.detect.align import LAYOUT, Square, by_box, by_landmarks, levelled, similarity

BOX = (60.0, 40.0, 140.0, 160.0)


def points(tilt_deg=0.0, length=120.0, centre=(100.0, 100.0)):
    angle = np.radians(tilt_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (LAYOUT * length @ turn.T + centre).astype(np.float32)


def test_landmarks_in_their_places_say_what_the_box_says():
    face, box = by_landmarks(BOX, points()), by_box(BOX)
    assert face.centre_xy == pytest.approx(box.centre_xy)
    assert face.side == pytest.approx(box.side)
    assert face.tilt_deg == box.tilt_deg == 0.0


def test_a_tilt_is_measured_and_a_small_one_is_left():
    assert by_landmarks(BOX, points(25)).tilt_deg == pytest.approx(25, abs=1e-3)
    assert by_landmarks(BOX, points(-40)).tilt_deg == pytest.approx(-40, abs=1e-3)
    assert by_landmarks(BOX, points(8)).tilt_deg == 0.0


def test_levelled_keeps_the_place_of_the_box_and_takes_the_tilt():
    face = levelled(BOX, points(25, length=100, centre=(110, 90)))
    assert (face.centre_xy, face.side) == (by_box(BOX).centre_xy, by_box(BOX).side)
    assert face.tilt_deg == pytest.approx(25, abs=1e-3)
    assert levelled(BOX, points(5)) == by_box(BOX)


def test_landmarks_that_fail_do_not_lead_far_from_the_box():
    lost = by_landmarks(BOX, points(length=600, centre=(500, 100)))
    assert lost.side == pytest.approx(1.25 * 120)
    assert lost.centre_xy == pytest.approx((100 + 0.2 * 120, 100))


@pytest.mark.parametrize("landmarks", [np.full((5, 2), np.nan), np.full((5, 2), 7.0)])
def test_without_landmarks_the_box_decides(landmarks):
    assert by_landmarks(BOX, landmarks.astype(np.float32)) == by_box(BOX)


def test_a_similarity_brings_points_onto_points():
    moved = points(30, length=80, centre=(10, 20))
    matrix = similarity(LAYOUT, moved)
    np.testing.assert_allclose(LAYOUT @ matrix[:, :2].T + matrix[:, 2], moved, atol=1e-4)


def test_a_turned_square_stays_inside_the_picture_with_all_its_corners():
    kept = Square((20.0, 50.0), 60.0, tilt_deg=45.0).kept_inside((200, 100), least=20)
    left, top, right, bottom = kept.bounds_xyxy
    assert kept.side == 60
    assert left >= -1e-9
    assert top >= 0
    assert right - left == pytest.approx(60 * 2**0.5)
    assert bottom <= 100
