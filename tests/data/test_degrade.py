import io

import numpy as np
import pytest
from PIL import Image

from facetell.data import degrade
from tests.shared import noise_image


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


def test_grey_has_equal_channels():
    grey = degrade.grey(noise_image(16, 16))
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 1] == grey[..., 2]).all()


def test_a_random_path_repeats_with_its_seed_and_keeps_the_input():
    image = noise_image(48, 80)
    before = image.copy()
    for seed in range(20):
        one, other = (degrade.random_path(image, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(one, other)
        assert one.shape == image.shape
        assert one.dtype == np.uint8
    np.testing.assert_array_equal(image, before)


def test_a_random_shrink_stays_in_its_range_and_never_enlarges():
    sides = [
        max(degrade.random_shrink(noise_image(200, 100), np.random.default_rng(s), (64, 288)).shape)
        for s in range(40)
    ]
    assert min(sides) >= 64
    assert max(sides) == 200
    assert len(set(sides)) > 10
