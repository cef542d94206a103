import io

import numpy as np
import pytest
from PIL import Image

from facetell.data.degrade import blur, recompress, relight
from facetell.detect.media import read_picture
from facetell.detect.quality import _blockiness, measure_quality
from facetell.types import Picture
from tests.shared import EXAMPLES, noise_image

FACE = (181.0, 59.0, 269.0, 177.0)  # of the astronaut


@pytest.fixture(scope="module")
def portrait():
    return read_picture(EXAMPLES / "real-astronaut.jpg").image


def warnings_of(image, box=FACE, smallest=60, quality=None):
    picture = Picture(image, (image.shape[1], image.shape[0]), "PNG", quality)
    return " ".join(measure_quality(picture, box).warnings(smallest))


def test_a_good_portrait_has_no_warning(portrait):
    assert warnings_of(portrait) == ""


def test_a_blurred_face_is_named(portrait):
    assert "blurred" in warnings_of(blur(portrait, 4))


def test_a_small_face_names_its_size_and_the_tested_one(portrait):
    assert "118 px" in warnings_of(portrait, smallest=150)
    assert "below 150" in warnings_of(portrait, smallest=150)


def test_strong_compression_is_named_from_the_file_and_from_the_pixels(portrait):
    assert "quality about 12" in warnings_of(portrait, quality=12.0)
    hidden = recompress(portrait, 8)  # saved on as PNG, so that only the pixels tell
    assert "traces of strong compression" in warnings_of(hidden)


def test_dark_and_overexposed_faces_are_named(portrait):
    assert "very dark" in warnings_of(relight(portrait, 0.15, 1))
    assert "overexposed" in warnings_of(np.full_like(portrait, 240))


def test_a_face_at_the_border_is_named(portrait):
    assert "cut by" in warnings_of(portrait[:, 200:], box=(0.0, 59.0, 69.0, 177.0))


def test_size_is_measured_in_original_pixels(portrait):
    half = np.asarray(Image.fromarray(portrait).resize((256, 256)))
    picture = Picture(half, (512, 512), "JPEG")
    assert measure_quality(picture, (90, 30, 134, 89)).size_px == 118


def test_an_even_face_is_blurred_not_a_division_by_zero():
    image = np.full((60, 60, 3), 128, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    assert "blurred" in warnings_of(image, box=(5.0, 5.0, 50.0, 50.0), smallest=10)


@pytest.mark.parametrize("corner_xy", [(0, 0), (3, 5)])
def test_blockiness_of_bytes_is_that_of_numbers(corner_xy):
    grey = noise_image(90, 70)[..., 0]
    ratios = []
    for start, pixels in ((corner_xy[1], grey.astype(float)), (corner_xy[0], grey.T.astype(float))):
        steps = np.abs(np.diff(pixels, axis=0)).mean(axis=1)
        on_grid = (np.arange(len(steps)) + start) % 8 == 7
        ratios.append((steps[on_grid].mean() + 0.5) / (steps[~on_grid].mean() + 0.5))
    assert _blockiness(grey, *corner_xy) == pytest.approx(np.mean(ratios), abs=1e-6)


def test_a_face_that_is_all_of_the_picture_is_not_called_cut(portrait):
    height, width = portrait.shape[:2]
    assert "border" not in warnings_of(portrait, box=(0.0, 0.0, float(width), float(height)))
    assert "border" in warnings_of(portrait, box=(0.0, 0.0, 100.0, 120.0))
