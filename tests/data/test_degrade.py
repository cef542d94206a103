import io

import numpy as np
import pytest
from PIL import Image

from facetell.data import degrade
from tests.shared import noise_image

FORENSIC = degrade.Augmentation(tinted=0.5)


@pytest.mark.parametrize(
    ("tier", "size_wh"), [("clean", (1000, 500)), ("web", (768, 384)), ("hard", (512, 256))]
)
def test_a_tier_bounds_the_longer_side(tier, size_wh):
    degraded = degrade.TIERS[tier](noise_image(500, 1000))
    assert (degraded.shape[1], degraded.shape[0]) == size_wh


def test_no_tier_enlarges():
    for tier in degrade.TIERS.values():
        assert tier(noise_image(40, 60)).shape == (40, 60, 3)


def test_each_tier_hurts_more_than_the_one_before():
    image = noise_image(400, 400)
    errors = [np.abs(tier(image).astype(int) - image).mean() for tier in degrade.TIERS.values()]
    assert errors[0] == 0 < errors[1] < errors[2]


def test_recompressing_is_what_pillow_saves():
    image = noise_image(64, 64)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=60)
    expected = np.asarray(Image.open(buffer))
    np.testing.assert_array_equal(degrade.recompress(image, 60), expected)


def test_relighting_by_one_changes_nothing():
    image = noise_image(16, 16)
    np.testing.assert_array_equal(degrade.relight(image, 1, 1), image)


def test_a_tint_multiplies_each_channel():
    image = noise_image(16, 16)
    np.testing.assert_array_equal(degrade.tint(image, (1, 1, 1)), image)
    tinted = degrade.tint(image, (0.5, 1, 2))
    np.testing.assert_allclose(tinted[..., 0], image[..., 0] / 2, atol=0.5)
    np.testing.assert_array_equal(tinted[..., 2], (image[..., 2] * 2.0).clip(0, 255))


def test_grey_has_equal_channels():
    grey = degrade.grey(noise_image(16, 16))
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 1] == grey[..., 2]).all()


def test_a_random_path_repeats_with_its_seed_and_keeps_the_input():
    image = noise_image(48, 80)
    before = image.copy()
    for seed in range(20):
        rngs = [np.random.default_rng(seed) for _ in range(2)]
        one, other = (degrade.random_path(image, rng, FORENSIC) for rng in rngs)
        np.testing.assert_array_equal(one, other)
        assert one.shape == image.shape
        assert one.dtype == np.uint8
    np.testing.assert_array_equal(image, before)


def test_a_random_shrink_stays_in_its_range_and_never_enlarges():
    sides = [
        max(degrade.random_shrink(noise_image(200, 100), np.random.default_rng(s), FORENSIC).shape)
        for s in range(40)
    ]
    assert min(sides) >= 64
    assert max(sides) == 200
    assert len(set(sides)) > 10


def test_without_augmentation_nothing_happens_to_a_picture():
    image, how = noise_image(90, 90), degrade.AUGMENTATIONS["none"]
    rng = np.random.default_rng(0)
    for change in (degrade.random_path, degrade.random_shrink, degrade.random_cut_out):
        np.testing.assert_array_equal(change(image, rng, how), image)


def test_cut_out_greys_whole_squares_and_leaves_the_rest():
    image, how = noise_image(160, 160), degrade.Augmentation(cut_out=1.0)
    shares = []
    for seed in range(20):
        cut = degrade.random_cut_out(image, np.random.default_rng(seed), how)
        squares = (cut == 128).all(axis=2).reshape(16, 10, 16, 10).all(axis=(1, 3))
        hidden = squares.repeat(10, 0).repeat(10, 1)
        np.testing.assert_array_equal(cut[~hidden], image[~hidden])
        shares.append(squares.mean())
    assert max(shares) < 0.6
    assert 0.1 < np.mean(shares) < 0.4


def test_what_is_too_long_for_a_codec_is_shrunk():
    for codec, longest in degrade.LONGEST_PX.items():
        strip = np.zeros((8, longest + 1, 3), np.uint8)
        assert degrade.recompress(strip, 50, codec).shape[1] == longest
