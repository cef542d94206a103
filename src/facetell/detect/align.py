"""Where a face lies and how far it is tilted, by its box and its five landmarks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from facetell.types import BoxXYXY, FloatArray

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
class Square:
    """A square of a picture, in its pixels; turned about its middle by tilt_deg, clockwise."""

    centre_xy: tuple[float, float]
    side: float
    tilt_deg: float = 0.0

    @property
    def reach(self) -> float:
        """Side of the upright square that holds this one, over its own side: 1 to 1.41."""
        angle = np.radians(self.tilt_deg)
        return float(abs(np.cos(angle)) + abs(np.sin(angle)))

    @property
    def bounds_xyxy(self) -> BoxXYXY:
        """The upright square that holds this one."""
        half = self.side * self.reach / 2
        x, y = self.centre_xy
        return x - half, y - half, x + half, y + half

    @property
    def level_xyxy(self) -> BoxXYXY:
        """This one before it was turned."""
        return replace(self, tilt_deg=0.0).bounds_xyxy

    def scaled(self, scale: float, shift_xy: tuple[float, float] = (0.0, 0.0)) -> "Square":
        """The same square of the picture shifted, then scaled."""
        x, y = ((v + by) * scale for v, by in zip(self.centre_xy, shift_xy, strict=True))
        return Square((x, y), self.side * scale, self.tilt_deg)

    def kept_inside(self, size_wh: tuple[float, float], least: float) -> "Square":
        """Moved inside a picture, and shrunk to it, but not below the side `least`.

        Only a face that is longer than the picture is wide leaves it: then the border is repeated.
        Otherwise drawn borders would mark the sources whose pictures are tight crops, and a net
        learns sources gladly.
        """
        side = min(self.side, max(least, min(size_wh) / self.reach))
        reach = side * self.reach
        x, y = (_slid(v, reach, limit) for v, limit in zip(self.centre_xy, size_wh, strict=True))
        return Square((x, y), side, self.tilt_deg)


def by_box(box_xyxy: Sequence[float]) -> Square:
    """Where its box says that a face lies; the side is the length of the face."""
    x0, y0, x1, y1 = (float(v) for v in box_xyxy)
    return Square(((x0 + x1) / 2, (y0 + y1) / 2), max(x1 - x0, y1 - y0))


def levelled(box_xyxy: Sequence[float], landmarks: FloatArray) -> Square:
    """Where its box says that it lies, and its landmarks [5, 2] how far it is tilted."""
    return replace(by_box(box_xyxy), tilt_deg=by_landmarks(box_xyxy, landmarks).tilt_deg)


def by_landmarks(box_xyxy: Sequence[float], landmarks: FloatArray) -> Square:
    """Where its landmarks [5, 2] say that it lies; its box, where there are none (NaN)."""
    box = by_box(box_xyxy)
    if not np.isfinite(landmarks).all() or np.ptp(landmarks, axis=0).max() < 1:
        return box
    onto = similarity(LAYOUT, landmarks)
    length = float(np.hypot(onto[0, 0], onto[1, 0]))
    tilt = float(np.degrees(np.arctan2(onto[1, 0], onto[0, 0])))
    off = (onto[:, 2] - box.centre_xy).clip(-MAX_OFF * box.side, MAX_OFF * box.side)
    low, high = LENGTH_BOUNDS
    return Square(
        (box.centre_xy[0] + float(off[0]), box.centre_xy[1] + float(off[1])),
        min(max(length, low * box.side), high * box.side),
        tilt if abs(tilt) > LEVEL_FROM_DEG else 0.0,
    )


def scale_box(box_xyxy: BoxXYXY, factor: float) -> BoxXYXY:
    x0, y0, x1, y1 = (v * factor for v in box_xyxy)
    return x0, y0, x1, y1


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


def _slid(middle: float, length: float, limit: float) -> float:
    if length >= limit:
        return limit / 2
    return min(max(middle, length / 2), limit - length / 2)
