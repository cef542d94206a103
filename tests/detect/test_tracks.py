"""Who is who from frame to frame: people, cuts, faces that leave and come back, still pictures."""

import numpy as np
import pytest

from facetell.detect.cuts import CutFinder, thumb_of
from facetell.detect.tracks import Tracker
from tests.shared import drawn_face, noise_image

ANN, BEN = drawn_face(seed=1), drawn_face(seed=2)[:, ::-1]
STEP_S = 0.25


def scene(*faces, width=640, seed=9):
    """A picture with faces at their left edges, and their boxes."""
    image = noise_image(200, width, seed) // 3
    boxes = []
    for face, left in faces:
        image[30:158, left : left + 128] = face
        boxes.append((float(left), 30.0, left + 128.0, 158.0))
    return image, boxes


def follow(*frames, tracker=None):
    """The track numbers of the faces, frame by frame."""
    tracker = tracker or Tracker(STEP_S)
    return [
        [seen.track for seen in tracker.follow(number * STEP_S, image, boxes)]
        for number, (image, boxes) in enumerate(frames)
    ]


def test_a_face_that_moves_stays_one_track():
    assert follow(*(scene((ANN, 20 + 40 * n)) for n in range(10))) == [[1]] * 10


def test_two_people_are_two_tracks_in_whatever_order_they_are_found():
    first, boxes = scene((ANN, 20), (BEN, 400))
    assert follow((first, boxes), (first, boxes[::-1]), (first, boxes)) == [[1, 2], [2, 1], [1, 2]]


def test_nobody_goes_on_behind_a_cut():
    tracker = Tracker(STEP_S)
    assert follow(scene((ANN, 100)), tracker=tracker) == [[1]]
    tracker.cut()
    assert follow(scene((ANN, 100)), tracker=tracker) == [[2]]


def test_another_person_at_the_same_place_is_another_track_where_the_scene_changed():
    assert follow(scene((ANN, 100), seed=1), scene((BEN, 100), seed=5)) == [[1], [2]]


def test_a_face_that_leaves_and_comes_back_elsewhere_is_known_again():
    frames = [scene((ANN, 20))] * 4 + [scene()] * 20 + [scene((ANN, 450))] * 4
    assert follow(*frames) == [[1]] * 4 + [[]] * 20 + [[1]] * 4


def test_who_left_long_ago_is_forgotten():
    tracker = Tracker(STEP_S)
    here, away = scene((ANN, 20)), scene()
    frames = [(0, here), (59, here), (110, away), (130, here)]
    tracks = [seen.track for t, frame in frames for seen in tracker.follow(t, *frame)]
    assert tracks == [1, 1, 2]


@pytest.mark.parametrize("step_s", [0.25, 2, 70])
def test_a_person_stays_one_however_slow_the_clip_is(step_s):
    tracker, tracks = Tracker(STEP_S), []
    for number in range(5):
        turned = ANN if number % 2 else ANN[::-1]
        (seen,) = tracker.follow(number * step_s, *scene((turned, 100 + 20 * number)))
        tracks.append(seen.track)
    assert tracks == [1] * 5


def test_somebody_else_who_comes_is_not_taken_for_who_left():
    frames = [scene((ANN, 20))] * 4 + [scene()] * 20 + [scene((BEN, 20))] * 4
    assert follow(*frames) == [[1]] * 4 + [[]] * 20 + [[2]] * 4


def test_one_person_is_never_two_faces_of_a_frame():
    both = scene((ANN, 100), (ANN, 400))
    assert follow(scene((ANN, 100)), both, both) == [[1], [1, 2], [1, 2]]


def test_a_part_of_a_face_is_not_the_face():
    image, (box,) = scene((ANN, 100))
    inner = (box[0] + 50, box[1] + 50, box[0] + 90, box[1] + 90)
    assert follow((image, [box]), (image, [inner])) == [[1], [2]]


@pytest.mark.parametrize("jitter", [0, 3])
def test_a_still_picture_brings_news_once(jitter):
    """Its box jitters, and coding changes its pixels by a little."""
    tracker, rng = Tracker(STEP_S), np.random.default_rng(0)
    image, (box,) = scene((ANN, 100))
    repeats = []
    for number in range(8):
        noisy = np.clip(image + rng.normal(0, 1, image.shape), 0, 255).astype(np.uint8)
        moved = tuple(v + rng.integers(-jitter, jitter + 1) for v in box)
        (seen,) = tracker.follow(number * STEP_S, noisy, [moved])
        repeats.append(seen.repeats)
    assert repeats == [False] + [True] * 7


def test_a_face_that_moves_brings_news_every_time():
    tracker = Tracker(STEP_S)
    for number in range(6):
        image, boxes = scene((np.roll(ANN, number, axis=0), 100))
        (seen,) = tracker.follow(number * STEP_S, image, boxes)
        assert not seen.repeats


def test_a_slow_change_is_no_repetition_for_ever():
    """Each frame is nearly the one before, but not the last that brought news."""
    tracker = Tracker(STEP_S)
    fresh = 0
    for number in range(40):
        image, boxes = scene(((0.9 * ANN + 0.2 * number).astype(np.uint8), 100))
        (seen,) = tracker.follow(number * STEP_S, image, boxes)
        fresh += not seen.repeats
    assert 5 < fresh < 40


# ---------------------------------------------------------------------------- cuts


def cuts(images):
    finder = CutFinder()
    return [number for number, image in enumerate(images) if finder.is_cut(thumb_of(image))]


def test_a_cut_is_found_at_its_frame():
    images = [noise_image(180, 320, seed) for seed in (1, 2, 3) for _ in range(5)]
    assert cuts(images) == [5, 10]


def test_a_cut_between_scenes_much_alike_is_found_by_its_suddenness():
    image = noise_image(180, 320, 1)
    other = image.copy()
    other[:, :160] = noise_image(180, 160, 2) // 2 + 40
    still = [np.clip(i + n % 2, 0, 255).astype(np.uint8) for i in (image, other) for n in range(9)]
    assert cuts(still) == [9]


def test_between_frames_far_apart_only_a_great_change_is_a_cut():
    finder = CutFinder()
    light = [np.full((18, 32, 3), grey, np.uint8) for grey in (60, 85, 180, 190, 190)]
    told = []
    for thumb in light[:3]:
        told.append(finder.is_cut(thumb))
        finder.forget()
    assert told == [False, False, True]
    assert [finder.is_cut(thumb) for thumb in light[3:]] == [False, False]


def test_movement_and_dimming_are_no_cuts():
    image = noise_image(180, 640, 1)
    assert cuts([image[:, 4 * n : 4 * n + 320] for n in range(60)]) == []
    assert cuts([(image * (1 - n / 60)).astype(np.uint8) for n in range(60)]) == []
