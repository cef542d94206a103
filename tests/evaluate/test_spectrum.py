import numpy as np
import pytest
from scipy.fft import dctn

from facetell.data.degrade import recompress
from facetell.data.manifest import Sample
from facetell.detect.align import Square
from facetell.detect.analyze import Detector
from facetell.errors import DataError
from facetell.evaluate.spectrum import (
    block_dct,
    blockiness,
    log_power,
    radial_mean,
    read_references,
    real_spectra,
    spectrum,
)
from facetell.types import Picture
from tests.shared import EXAMPLES, noise_image

BLOCKS = np.random.default_rng(0).normal(100, 30, (3, 5, 8, 8)).astype(np.float32)


def picture(image, size_wh=None):
    return Picture(image, size_wh or (image.shape[1], image.shape[0]), "PNG")


@pytest.mark.parametrize("cycles", [5, 20, 60])
def test_a_wave_shows_at_its_frequency(cycles):
    x = np.arange(192)
    wave = 100 + 50 * np.sin(2 * np.pi * cycles * x / 192) * np.ones((192, 1))
    power = log_power(wave.astype(np.float32))
    row, column = np.unravel_index(power.argmax(), power.shape)
    assert (row, abs(column - 96)) == (96, cycles)


def test_the_radial_mean_is_over_all_directions():
    away = np.arange(192) - 96
    ring = np.hypot(*np.meshgrid(away, away)).round() == 30
    found = radial_mean(ring.astype(np.float32))
    assert found[30] == 1
    assert found.sum() == 1


def test_brightness_alone_leaves_no_power():
    assert log_power(np.full((64, 64), 90, np.float32)).max() == pytest.approx(-3)


def test_the_block_transform_is_that_of_scipy():
    expected = np.abs(dctn(BLOCKS, axes=(2, 3), norm="ortho")).mean(axis=(0, 1))
    np.testing.assert_allclose(block_dct(BLOCKS), np.log10(expected + 1e-3), atol=1e-4)


def test_steps_between_blocks_are_those_inside_until_jpeg_comes():
    image = noise_image(128, 128)
    square = Square((64, 64), 128, 0)
    before = spectrum(picture(image), square)
    after = spectrum(picture(recompress(image, 10)), square)
    assert before.blockiness == pytest.approx(1, abs=0.1)
    assert after.blockiness > 1.5
    assert after.dct[7, 7] < before.dct[7, 7] - 0.5
    assert blockiness(np.zeros((2, 2, 8, 8), np.float32)) == 0


def test_a_small_or_reduced_face_has_no_blocks_but_a_spectrum():
    image = noise_image(128, 128)
    small = spectrum(picture(image), Square((64, 64), 20, 0))
    assert (small.size, small.dct, small.blockiness) == ("up to 128 px", None, None)
    assert small.radial.shape == (96,)
    reduced = spectrum(picture(image, (256, 256)), Square((64, 64), 128, 0))
    assert reduced.dct is None


def test_a_face_that_leaves_its_picture_is_looked_at_inside():
    found = spectrum(picture(noise_image(128, 128)), Square((20, 20), 260, 0))
    assert found.size == "above 256 px"
    assert np.isfinite(found.dct).all()


def test_the_reference_inside_covers_every_size_and_others_can_be_made(tmp_path):
    inside = read_references()
    assert list(inside.sizes) == ["up to 128 px", "128 to 256 px", "above 256 px"]
    assert min(one.faces for one in inside.sizes.values()) > 100
    reals = sorted(EXAMPLES.glob("real-*.jpg"))
    samples = [Sample(path, 0, "train", "s", "", path.name) for path in reals]
    fake = Sample(EXAMPLES / "fake-swap-astronaut.jpg", 1, "train", "s", "g", "f")
    told = []
    made = real_spectra([*samples, fake], Detector.load(), "two portraits", told.append)
    assert told == [1, 2, 3]
    assert sum(one.faces for one in made.sizes.values()) == 2
    path = tmp_path / "own.json"
    path.write_text(made.model_dump_json(), encoding="utf-8")
    assert read_references(path) == made


def test_what_is_no_reference_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="no spectra of real faces"):
        read_references(tmp_path / "x.json")
    missing = Sample(tmp_path / "gone.jpg", 0, "train", "s", "", "g")
    with pytest.raises(DataError, match="no face in any real picture"):
        real_spectra([missing], Detector.load(), "nothing")
