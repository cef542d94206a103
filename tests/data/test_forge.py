import numpy as np
import pytest

from facetell.data import forge
from tests.shared import DRAWN_LANDMARKS, drawn_face


def test_the_mask_covers_the_landmarks_and_nothing_of_the_border():
    mask = forge.face_mask((128, 128), DRAWN_LANDMARKS)
    assert all(mask[int(y), int(x)] > 0.5 for x, y in DRAWN_LANDMARKS)
    assert mask[0].max() == mask[-1].max() == mask[:, 0].max() == mask[:, -1].max() == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_self_blend_changes_the_face_a_little_and_the_rest_not_at_all(seed):
    image = drawn_face(128)
    fake = forge.self_blend(image, DRAWN_LANDMARKS, np.random.default_rng(seed))
    outside = forge.face_mask((128, 128), DRAWN_LANDMARKS) == 0
    np.testing.assert_array_equal(fake[outside], image[outside])
    change = np.abs(fake.astype(int) - image)[~outside].mean()
    assert 0.5 < change < 40


def test_a_swap_puts_the_donor_inside_and_leaves_the_rest():
    image, donor = drawn_face(128, seed=1), drawn_face(128, seed=2)
    fake = forge.swap_face(image, DRAWN_LANDMARKS, donor, DRAWN_LANDMARKS)
    mask = forge.face_mask((128, 128), DRAWN_LANDMARKS)
    np.testing.assert_array_equal(fake[mask == 0], image[mask == 0])
    inner = mask > 0.9
    likeness = [
        np.mean([np.corrcoef(fake[inner, c], other[inner, c])[0, 1] for c in range(3)])
        for other in (donor, image)
    ]
    assert likeness[0] > likeness[1]
