"""Where a face lies, by its five landmarks: middle, length and tilt.

Boxes of one face differ between finders, and even between two sizes of one picture; its landmarks
differ less, so crops hang on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facetell.types import FloatArray

LAYOUT = np.array(
    [[-0.178, -0.112], [0.178, -0.112], [0.0, 0.09], [-0.148, 0.242], [0.148, 0.242]], np.float32
)
"""Eyes, nose and mouth corners from the middle of the box, in its longer sides: the mean over
15,586 faces of the training pictures, made symmetric."""
LEVEL_FROM_DEG = 10.0
"""Faces tilted less stay as they are: turning costs fine traces, and a net bears such tilts."""
MAX_OFF = 0.2
LENGTH_BOUNDS = (0.8, 1.25)
"""How far the landmarks may lead away from the box, in its longer sides: landmarks can fail."""

Affine = npt.NDArray[np.float64]
"""[2, 3]: x', y' = A @ (x, y, 1)."""


@dataclass(frozen=True)
class Placed:
    """centre_xy and length (longer side) of a face in pixels; tilt_deg: clockwise, 0 where it is
    left as it is."""

    centre_xy: tuple[float, float]
    length: float
    tilt_deg: float = 0.0


def by_box(box_xyxy: Sequence[float]) -> Placed:
    """A face as its box says."""
    x0, y0, x1, y1 = (float(v) for v in box_xyxy)
    return Placed(((x0 + x1) / 2, (y0 + y1) / 2), max(x1 - x0, y1 - y0))


def by_landmarks(box_xyxy: Sequence[float], landmarks: FloatArray) -> Placed:
    """A face as its landmarks [5, 2] say; as its box says where there are none (NaN)."""
    box = by_box(box_xyxy)
    if not np.isfinite(landmarks).all() or np.ptp(landmarks, axis=0).max() < 1:
        return box
    onto = similarity(LAYOUT, landmarks)
    length = float(np.hypot(onto[0, 0], onto[1, 0]))
    tilt = float(np.degrees(np.arctan2(onto[1, 0], onto[0, 0])))
    off = (onto[:, 2] - box.centre_xy).clip(-MAX_OFF * box.length, MAX_OFF * box.length)
    low, high = LENGTH_BOUNDS
    return Placed(
        (box.centre_xy[0] + float(off[0]), box.centre_xy[1] + float(off[1])),
        min(max(length, low * box.length), high * box.length),
        tilt if abs(tilt) > LEVEL_FROM_DEG else 0.0,
    )


def similarity(points: FloatArray, onto: FloatArray) -> Affine:
    """The rotation, scaling and shift that bring `points` [N, 2] closest to `onto` [N, 2], least
    squares."""
    centre, target = points.mean(axis=0), onto.mean(axis=0)
    p, q = points - centre, onto - target
    scale = float((p**2).sum())
    cos = float((p * q).sum()) / scale
    sin = float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / scale
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.hstack([linear, (target - linear @ centre)[:, None]])
