import numpy as np
import pytest
from PIL import Image

from facetell.detect.crop import (
    CropSpec,
    crop_face,
    cut_region,
    place_crop,
    reduce_by,
    to_tensor,
)
from tests.shared import DRAWN_LANDMARKS, drawn_face, noise_image

SPEC = CropSpec(margin=1.3, size_px=64, mean=(127, 127, 127), std=(128, 128, 128))


def test_a_crop_well_inside_is_the_plain_resize_of_its_square():
    image = noise_image(200, 300)
    crop = crop_face(image, (100, 60, 180, 160), SPEC)
    square = Image.fromarray(image).crop((75, 45, 205, 175))  # 130 px around (140, 110)
    expected = np.asarray(square.resize((64, 64), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(crop, expected)


def square(box, margin, size_wh):
    spec = SPEC.model_copy(update={"margin": margin})
    return place_crop(box, None, spec, size_wh).bounds_xyxy


def test_a_square_slides_inside_the_picture_instead_of_leaving_it():
    assert square((0, 0, 100, 100), 1.5, (400, 300)) == (0, 0, 150, 150)
    assert square((300, 200, 400, 300), 1.5, (400, 300)) == (250, 150, 400, 300)


def test_a_square_shrinks_to_the_picture_but_never_below_the_face():
    assert square((20, 20, 100, 100), 2.0, (120, 120)) == (0, 0, 120, 120)
    left, top, right, bottom = square((0, 0, 50, 100), 1.3, (50, 100))
    assert (left, right) == (-25, 75)
    assert (top, bottom) == (0, 100)


@pytest.mark.parametrize("align", ["level", "landmarks"])
def test_a_tilted_face_is_cut_upright(align):
    upright = drawn_face(256)
    tilted = np.asarray(Image.fromarray(upright).rotate(-30, Image.Resampling.BICUBIC))
    middle = np.array([128.0, 128.0])
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = (2 * DRAWN_LANDMARKS - middle) @ turn.T + middle
    box = (70.0, 50.0, 190.0, 210.0)
    spec = SPEC.model_copy(update={"align": align, "margin": 1.0})
    straight = crop_face(upright, box, spec, 2 * DRAWN_LANDMARKS).astype(float)
    levelled = crop_face(tilted, box, spec, landmarks.astype(np.float32)).astype(float)
    as_it_is = crop_face(tilted, box, SPEC.model_copy(update={"margin": 1.0})).astype(float)
    assert np.abs(straight - levelled).mean() < 0.4 * np.abs(straight - as_it_is).mean()


def test_landmarks_move_the_crop_only_where_the_card_says_so():
    image, box = noise_image(300, 300), (100, 100, 180, 180)
    landmarks = DRAWN_LANDMARKS + 90
    aligned = SPEC.model_copy(update={"align": "landmarks"})
    np.testing.assert_array_equal(
        crop_face(image, box, SPEC, landmarks), crop_face(image, box, SPEC)
    )
    assert (crop_face(image, box, aligned, landmarks) != crop_face(image, box, SPEC)).any()
    unknown = np.full((5, 2), np.nan, np.float32)
    np.testing.assert_array_equal(
        crop_face(image, box, aligned, unknown), crop_face(image, box, SPEC)
    )


def test_outside_the_picture_the_border_is_repeated():
    image = noise_image(100, 50)
    cut, region = cut_region(image, (-25, 0, 75, 100))
    assert cut.shape == (100, 100, 3)
    assert region == (0, 0, 100, 100)
    np.testing.assert_array_equal(cut[:, 0], image[:, 0])
    np.testing.assert_array_equal(cut[:, 25:75], image)
    np.testing.assert_array_equal(cut[:, 99], image[:, 49])


@pytest.mark.parametrize(
    "box", [(0, 0, 1, 1), (3.2, 4.7, 3.9, 5.1), (-5, -5, 5, 5), (0, 0, 1e4, 1e4)]
)
def test_any_box_gives_a_crop_of_the_asked_size(box):
    assert crop_face(noise_image(40, 30), box, SPEC).shape == (64, 64, 3)


def test_a_one_pixel_picture_can_be_cropped():
    image = np.full((1, 1, 3), 77, np.uint8)
    assert (crop_face(image, (0, 0, 1, 1), SPEC) == 77).all()


def test_the_tensor_is_normalised_channel_first():
    crops = np.zeros((2, 64, 64, 3), np.uint8)
    crops[1, ..., 2] = 255
    tensor = to_tensor(crops, SPEC)
    assert tensor.shape == (2, 3, 64, 64)
    assert tensor.dtype == np.float32
    assert tensor[0, 0, 0, 0] == pytest.approx(-127 / 128)
    assert tensor[1, 2, 5, 5] == pytest.approx(1.0)


@pytest.mark.parametrize(("shape", "factor"), [((37, 51), 4), ((700, 900), 3), ((2, 300_000), 7)])
def test_reducing_strip_by_strip_gives_the_bytes_of_reducing_at_once(shape, factor):
    image = noise_image(*shape)
    expected = np.asarray(Image.fromarray(image).reduce(factor))
    np.testing.assert_array_equal(reduce_by(image, factor), expected)


def test_a_tensor_holds_the_bytes_of_the_plain_formula():
    spec = SPEC.model_copy(update={"mean": (123.7, 116.3, 103.5), "std": (58.4, 57.1, 57.4)})
    crops = np.stack([noise_image(64, 64, seed) for seed in range(3)])
    plain = (crops.astype(np.float32) - np.float32(spec.mean)) / np.float32(spec.std)
    np.testing.assert_array_equal(to_tensor(crops, spec), plain.transpose(0, 3, 1, 2))
