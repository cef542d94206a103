import numpy as np
import onnx
import pytest
from PIL import Image

from facetell.detect.faces import (
    FINDERS,
    SmallFinder,
    _network_inputs,
    merge_overlaps,
    suppress_overlaps,
)
from facetell.detect.media import read_picture
from facetell.detect.session import DEFAULT_MODEL, FINDER_FILE
from facetell.errors import ModelError
from facetell.types import FoundFaces
from tests.shared import EXAMPLES, noise_image


@pytest.fixture(scope="module")
def finder():
    return FINDERS["facetell"]()


@pytest.mark.parametrize("name", sorted(FINDERS))
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (40, 64), (16, 20_000), (700, 1500)])
def test_every_finder_keeps_the_contract_on_odd_shapes(name, shape):
    found = FINDERS[name]().find_faces(noise_image(*shape))
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


def test_twenty_faces_of_a_group_photo_are_found(finder):
    portrait = read_picture(EXAMPLES / "real-astronaut.jpg").image[:360, 20:420]
    group = np.tile(portrait[::3, ::3], (4, 5, 1))
    found = finder.find_faces(group)
    assert len(found) == 20
    middles = (found.boxes_xyxy[:, :2] + found.boxes_xyxy[:, 2:]) / 2
    cells = {(int(x // 134), int(y // 120)) for x, y in middles}
    assert len(cells) == 20


def test_a_small_face_in_a_large_picture_is_found(finder):
    portrait = read_picture(EXAMPLES / "real-astronaut.jpg").image[10:260, 100:350]
    small = portrait[::2, ::2]  # the face is about 58 px long
    picture = np.full((2160, 3840, 3), 90, np.uint8)
    picture[1200:1325, 2500:2625] = small
    found = finder.find_faces(picture)
    assert len(found) == 1
    x0, y0, x1, y1 = found.boxes_xyxy[0]
    assert 2500 < x0 < x1 < 2625
    assert 1200 < y0 < y1 < 1325


@pytest.mark.parametrize("change", ["grey", "dark", "turned"])
def test_a_face_is_found_when_grey_dark_or_turned(finder, change):
    image = Image.fromarray(read_picture(EXAMPLES / "real-grace-hopper.jpg").image)
    changed = {
        "grey": lambda: image.convert("L").convert("RGB"),
        "dark": lambda: image.point(lambda v: v // 4),
        "turned": lambda: image.rotate(25, expand=True),
    }[change]()
    x0, y0, x1, y1 = finder.find_faces(np.asarray(changed)).boxes_xyxy[0]
    assert 150 < x1 - x0 < 260
    assert 200 < y1 - y0 < 280


def test_the_same_face_is_found_alike_in_every_size(finder):
    image = Image.fromarray(read_picture(EXAMPLES / "real-astronaut.jpg").image)
    small = finder.find_faces(np.asarray(image.resize((256, 256)))).landmarks[0] * 8
    large = finder.find_faces(np.asarray(image.resize((2048, 2048)))).landmarks[0]
    eyes = np.linalg.norm(large[1] - large[0])
    assert np.linalg.norm(small - large, axis=1).mean() < 0.08 * eyes


def test_a_finder_that_is_no_finder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no finder"):
        SmallFinder(DEFAULT_MODEL).find_faces(noise_image(64, 64))
    (tmp_path / "faces.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="damaged"):
        SmallFinder(tmp_path / "faces.onnx").find_faces(noise_image(64, 64))


def test_the_whole_picture_is_one_face():
    found = FINDERS["whole"]().find_faces(noise_image(20, 30))
    np.testing.assert_array_equal(found.boxes_xyxy, [[0, 0, 30, 20]])


def test_overlapping_boxes_are_one_face_and_the_surest_stays():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60]], np.float32)
    scores = np.array([0.6, 0.9, 0.7], np.float32)
    assert suppress_overlaps(boxes, scores, 0.3).tolist() == [1, 2]


def test_no_boxes_are_no_error():
    nothing = np.zeros((0, 4), np.float32)
    assert suppress_overlaps(nothing, np.zeros(0, np.float32), 0.3).tolist() == []


def test_a_box_inside_a_larger_one_is_part_of_its_face():
    boxes = np.array([[0, 0, 100, 100], [20, 20, 50, 50]], np.float32)
    scores = np.array([0.6, 0.9], np.float32)
    assert suppress_overlaps(boxes, scores, 0.4, 0.75).tolist() == [1]
    assert suppress_overlaps(boxes, scores, 0.4).tolist() == [1, 0]


def test_boxes_that_agree_are_averaged_by_their_scores():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 12], [50, 50, 60, 60]], np.float32)
    scores = np.array([0.8, 0.4, 0.5], np.float32)
    landmarks = np.arange(30, dtype=np.float32).reshape(3, 5, 2)
    merged = merge_overlaps(FoundFaces(boxes, scores, landmarks))
    assert merged.scores.tolist() == pytest.approx([0.8, 0.5])
    assert merged.boxes_xyxy[0].tolist() == pytest.approx([0, 0, 10, 10.4])  # weights 4 : 1
    np.testing.assert_allclose(merged.landmarks[0], landmarks[0] + 2)
    np.testing.assert_allclose(merged.landmarks[1], landmarks[2])


@pytest.mark.parametrize("shape", [(256, 256), (701, 1152), (1100, 1400), (3, 40_000)])
def test_looks_at_a_picture_in_strips_see_what_they_would_see_of_the_whole(shape):
    image, sides = noise_image(*shape), [192, 640, 1920]
    for side, (pixels, scale_xy) in zip(sides, _network_inputs(image, sides), strict=True):
        whole = Image.fromarray(image)
        factor = max(1, max(shape) // (2 * side))
        size_wh = pixels.shape[1], pixels.shape[0]
        reduced = whole.reduce(factor) if factor > 1 else whole
        seen = np.asarray(reduced.resize(size_wh, Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(pixels, seen)
        np.testing.assert_allclose(scale_xy, np.divide(size_wh, shape[::-1]), rtol=1e-6)


def test_a_finder_in_one_part_is_refused(tmp_path):
    pixels, scores = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1])
        for name in ("pixels", "scores")
    )
    node = onnx.helper.make_node("Identity", ["pixels"], ["scores"])
    opset = [onnx.helper.make_opsetid("", 18)]
    old = onnx.helper.make_model(
        onnx.helper.make_graph([node], "old", [pixels], [scores]), opset_imports=opset, ir_version=9
    )
    old.metadata_props.extend(onnx.load(FINDER_FILE).metadata_props)
    onnx.save(old, tmp_path / "faces.onnx")
    with pytest.raises(ModelError, match="of an earlier facetell"):
        SmallFinder(tmp_path / "faces.onnx").find_faces(noise_image(64, 64))
