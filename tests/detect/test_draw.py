"""What is drawn into pictures."""

import numpy as np
import pytest

from facetell.detect.draw import Mark, draw_marks
from facetell.types import Picture, Verdict

SIZE_WH = (640, 360)


@pytest.mark.parametrize(
    "box",
    [(240, 8, 480, 352), (610, 100, 640, 150), (0, 0, 640, 360), (20, 200, 120, 300)],
    ids=["as high as the picture", "at the right border", "all of it", "amid"],
)
def test_the_number_of_a_face_is_drawn_whole_wherever_it_lies(box):
    grey = np.full((SIZE_WH[1], SIZE_WH[0], 3), 128, np.uint8)
    picture = Picture(grey, SIZE_WH, "PNG", None)
    drawn = [
        np.asarray(draw_marks(picture, [Mark(box, Verdict.REAL, tag)])).astype(int)
        for tag in ("", "3: 0.97", "3: 0.98")
    ]
    without, one, other = drawn
    tag = np.abs(one - without).max(axis=2) > 60
    assert np.ptp(np.flatnonzero(tag.any(axis=0))) > 25  # all of its width
    assert (np.abs(one - other).max(axis=2) > 60).any()  # to the last digit
