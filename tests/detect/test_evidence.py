import numpy as np

from facetell.detect.evidence import draw_evidence, draw_importance
from tests.shared import noise_image

CROP = noise_image(32, 32)
HERE = np.zeros((4, 4), np.float32)
HERE[1, 1] = 1.0


def test_importance_is_drawn_in_the_colour_of_its_side_and_up_to_its_own_maximum():
    fake, real = (draw_importance(CROP, HERE, fake=side).astype(int) for side in (True, False))
    assert fake[12, 12, 0] - fake[12, 12, 2] > 80  # orange
    assert real[12, 12, 2] - real[12, 12, 0] > 80  # blue
    np.testing.assert_array_equal(fake, draw_importance(CROP, 100 * HERE, fake=True))


def test_a_map_of_nothing_leaves_the_grey_crop():
    nothing = np.zeros((4, 4), np.float32)
    drawn = draw_importance(CROP, nothing, fake=True)
    np.testing.assert_array_equal(drawn, draw_evidence(CROP, nothing))
