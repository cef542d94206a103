"""Tell where one scene of a clip ends and the next begins."""

from collections import deque

import numpy as np
from PIL import Image

from facetell.types import FloatArray, UInt8Array

LEAST_CUT, SURE_CUT = 10.0, 30.0
SUDDEN, GRAIN = 10.0, 0.5
"""A step from frame to frame (mean difference of their thumbs, in grey levels) is a cut from
SURE_CUT, and from LEAST_CUT where it is SUDDEN times as large as the steps before it and GRAIN."""
STEPS_REMEMBERED = 8
THUMB_WH = (32, 18)


class CutFinder:
    """Tells the first frame behind a scene cut. Wants the thumbs of all frames that are decoded:
    the finer the steps, the more a cut stands out from movement."""

    def __init__(self) -> None:
        self._last: FloatArray | None = None
        self._steps: deque[float] = deque(maxlen=STEPS_REMEMBERED)
        self._is_far = False

    def is_cut(self, thumb: UInt8Array) -> bool:
        """thumb: the frame at THUMB_WH, [18, 32, 3] uint8 RGB."""
        last, self._last = self._last, thumb.astype(np.float32)
        is_far, self._is_far = self._is_far, False
        if last is None:
            return False
        step = change(last, self._last)
        usual = float(np.median(self._steps)) if self._steps else 0.0
        is_sudden = not is_far and step > max(LEAST_CUT, SUDDEN * (usual + GRAIN))
        if step > SURE_CUT or is_sudden:
            self._steps.clear()
            return True
        if not is_far:
            self._steps.append(step)
        return False

    def forget(self) -> None:
        """What comes next is no neighbour of what came last: they differ by movement, too, and only
        a SURE_CUT can be told."""
        self._steps.clear()
        self._is_far = True


def change(one: FloatArray, other: FloatArray) -> float:
    """Mean difference of two pictures of equal size, in grey levels."""
    return float(np.abs(one - other).mean())


def thumb_of(image: UInt8Array) -> UInt8Array:
    """[18, 32, 3] uint8 RGB; of a large picture some pixels suffice."""
    step = max(1, min(image.shape[:2]) // (8 * THUMB_WH[1]))
    some = Image.fromarray(np.ascontiguousarray(image[::step, ::step]))
    return np.asarray(some.resize(THUMB_WH, Image.Resampling.BOX))
