import numpy as np
import pytest

from facetell.detect.faces import FINDERS, suppress_overlaps
from facetell.detect.media import read_picture
from tests.shared import EXAMPLES, noise_image


@pytest.fixture(scope="module")
def finder():
    return FINDERS["centerface"](1)


@pytest.mark.parametrize("name", sorted(FINDERS))
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (40, 64), (700, 1500)])
def test_every_finder_keeps_the_contract_on_odd_shapes(name, shape):
    found = FINDERS[name](1).find_faces(noise_image(*shape))
    count = len(found)
    assert found.boxes_xyxy.shape == (count, 4)
    assert found.scores.shape == (count,)
    assert found.landmarks.shape == (count, 5, 2)
    assert (found.boxes_xyxy >= 0).all()
    assert (found.boxes_xyxy[:, 2] <= shape[1]).all()
    assert (found.boxes_xyxy[:, 3] <= shape[0]).all()


def test_a_portrait_has_one_face_with_landmarks_inside_its_box(finder):
    found = finder.find_faces(read_picture(EXAMPLES / "real-astronaut.jpg").image)
    assert len(found) == 1
    x0, y0, x1, y1 = found.boxes_xyxy[0]
    assert 60 < x1 - x0 < 130
    left_eye, right_eye, nose, left_mouth, _right_mouth = found.landmarks[0]
    assert x0 < left_eye[0] < nose[0] < right_eye[0] < x1
    assert y0 < left_eye[1] < nose[1] < left_mouth[1] < y1


def test_all_faces_of_a_group_are_found(finder):
    face = read_picture(EXAMPLES / "real-astronaut.jpg").image[30:230, 120:320]
    group = np.tile(face, (2, 3, 1))
    assert len(finder.find_faces(group)) == 6


def test_a_picture_that_is_all_face_is_found(finder):
    image = read_picture(EXAMPLES / "real-astronaut.jpg").image
    x0, y0, x1, y1 = finder.find_faces(image).boxes_xyxy[0].astype(int)
    tight = image[y0 + 8 : y1 - 4, x0 + 4 : x1 - 4]
    found = finder.find_faces(tight)
    assert len(found) == 1
    covered = np.prod(found.boxes_xyxy[0, 2:] - found.boxes_xyxy[0, :2])
    assert covered > 0.7 * tight.shape[0] * tight.shape[1]


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_picture_has_no_face(finder, level):
    assert len(finder.find_faces(np.full((200, 200, 3), level, np.uint8))) == 0


def test_the_whole_picture_is_one_face():
    found = FINDERS["whole"](1).find_faces(noise_image(20, 30))
    np.testing.assert_array_equal(found.boxes_xyxy, [[0, 0, 30, 20]])


def test_overlapping_boxes_are_one_face_and_the_surest_stays():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60]], np.float32)
    scores = np.array([0.6, 0.9, 0.7], np.float32)
    assert suppress_overlaps(boxes, scores, 0.3).tolist() == [1, 2]


def test_no_boxes_are_no_error():
    nothing = np.zeros((0, 4), np.float32)
    assert suppress_overlaps(nothing, np.zeros(0, np.float32), 0.3).tolist() == []
