"""Affine maps of pictures and of the faces on them; angles are clockwise."""

import numpy as np
import numpy.typing as npt

from facetell.detect.align import Affine
from facetell.types import FloatArray


def affine(
    zoom: float, tilt_deg: float, centre_xy: npt.ArrayLike, onto_xy: npt.ArrayLike
) -> Affine:
    """Zoom and turn around `centre_xy`, which comes to lie at `onto_xy`."""
    angle = np.radians(tilt_deg)
    cos, sin = np.cos(angle) * zoom, np.sin(angle) * zoom
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.hstack([linear, (np.asarray(onto_xy) - linear @ np.asarray(centre_xy))[:, None]])


def inverse(matrix: Affine) -> Affine:
    linear = np.linalg.inv(matrix[:, :2])
    return np.hstack([linear, -(linear @ matrix[:, 2:])])


def move_points(points: FloatArray, matrix: Affine) -> FloatArray:
    """points: [..., 2] x, y."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def move_boxes(boxes_xyxy: FloatArray, matrix: Affine) -> FloatArray:
    """boxes_xyxy: [N, 4]. A box turns like the ellipse inside it: a face is no rectangle."""
    boxes, linear = boxes_xyxy.astype(np.float64), matrix[:, :2]
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 @ linear.T + matrix[:, 2]
    half = np.sqrt(((boxes[:, 2:] - boxes[:, :2]) / 2) ** 2 @ (linear**2).T)
    return np.asarray(np.concatenate([centres - half, centres + half], axis=1), np.float32)
