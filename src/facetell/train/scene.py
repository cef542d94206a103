"""A canvas with faces on it, and what becomes of the faces when it is warped, cut or covered."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from facetell.data.warp import inverse, move_boxes, move_points
from facetell.detect.align import Affine
from facetell.types import FloatArray, UInt8Array

LEAST_VISIBLE = 0.5
LEAST_PX = 9.0
MIRRORED = [1, 0, 2, 4, 3]
"""Order of the landmarks after mirroring."""


@dataclass(frozen=True, eq=False)
class Faces:
    """boxes_xyxy [N, 4], landmarks [N, 5, 2], sure [N] bool: what is not sure is ignored."""

    boxes_xyxy: FloatArray
    landmarks: FloatArray
    sure: npt.NDArray[np.bool_]

    def at(self, chosen: npt.NDArray[np.bool_]) -> "Faces":
        return Faces(self.boxes_xyxy[chosen], self.landmarks[chosen], self.sure[chosen])


@dataclass(frozen=True, eq=False)
class Scene:
    """A canvas [H, W, 3] uint8 RGB and the faces on it."""

    image: UInt8Array
    faces: Faces


def place(scene: Scene, image: UInt8Array, faces: Faces, matrix: Affine) -> Scene:
    """Warp a picture onto the scene; what it hides there is no longer a face to be found."""
    height, width = scene.image.shape[:2]
    shrink = max(1, int(1 / max(np.hypot(matrix[0, 0], matrix[1, 0]), 1e-3)))
    small = np.asarray(Image.fromarray(image).reduce(shrink)) if shrink > 1 else image
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32) * image.shape[1::-1]
    onto = move_points(corners, matrix)
    x0, y0 = np.floor(onto.min(axis=0)).clip(0, [width, height]).astype(int)
    x1, y1 = np.ceil(onto.max(axis=0)).clip(0, [width, height]).astype(int)
    if x1 <= x0 or y1 <= y0:
        return scene
    shifted = matrix - np.array([[0, 0, x0], [0, 0, y0]])
    shifted[:, :2] *= shrink
    size, back = (x1 - x0, y1 - y0), tuple(inverse(shifted).reshape(-1))
    warped = Image.fromarray(small).transform(
        size, Image.Transform.AFFINE, back, resample=Image.Resampling.BILINEAR
    )
    solid = Image.new("L", (small.shape[1], small.shape[0]), 255)
    there = np.asarray(solid.transform(size, Image.Transform.AFFINE, back)) > 0
    canvas = scene.image.copy()
    canvas[y0:y1, x0:x1][there] = np.asarray(warped)[there]
    covered = np.zeros((height, width), bool)
    covered[y0:y1, x0:x1] = there
    behind = _hidden(scene.faces, covered)
    return Scene(canvas, _joined(behind, _moved(faces, matrix, (width, height))))


def _moved(faces: Faces, matrix: Affine, size_wh: tuple[int, int]) -> Faces:
    """Faces after an affine map, as far as the canvas goes."""
    moved = move_boxes(faces.boxes_xyxy, matrix)
    landmarks = move_points(faces.landmarks, matrix)
    limit = np.array([*size_wh, *size_wh], np.float32)
    inside = moved.clip(0, limit)
    area = (moved[:, 2:] - moved[:, :2]).prod(axis=1)
    left = (inside[:, 2:] - inside[:, :2]).prod(axis=1)
    visible = left / np.maximum(area, 1e-6)
    size = (inside[:, 2:] - inside[:, :2]).max(axis=1, initial=0)
    sure = faces.sure & (visible >= LEAST_VISIBLE) & (size >= LEAST_PX)
    kept = Faces(inside, landmarks, sure)
    return kept.at((visible > 0.02) & (size > 2))


def _hidden(faces: Faces, covered: npt.NDArray[np.bool_]) -> Faces:
    """Faces more than half covered go; those a little covered are neither face nor background."""
    if not len(faces.sure):
        return faces
    shares = []
    for box in faces.boxes_xyxy:
        x0, y0, x1, y1 = grown(box, 1.0, covered.shape)
        part = covered[y0:y1, x0:x1]
        shares.append(float(part.mean()) if part.size else 0.0)
    share = np.array(shares)
    return replace(faces, sure=faces.sure & (share < 0.3)).at(share < 0.7)


def _joined(first: Faces, second: Faces) -> Faces:
    return Faces(
        np.concatenate([first.boxes_xyxy, second.boxes_xyxy]),
        np.concatenate([first.landmarks, second.landmarks]),
        np.concatenate([first.sure, second.sure]),
    )


def no_faces() -> Faces:
    return Faces(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, bool))


def mirror(image: UInt8Array, faces: Faces) -> tuple[UInt8Array, Faces]:
    width = image.shape[1]
    boxes = faces.boxes_xyxy.copy()
    boxes[:, [0, 2]] = width - faces.boxes_xyxy[:, [2, 0]]
    landmarks = faces.landmarks[:, MIRRORED].copy()
    landmarks[..., 0] = width - landmarks[..., 0]
    return image[:, ::-1], Faces(boxes, landmarks, faces.sure)


def cut_around(
    image: UInt8Array, faces: Faces, middle: FloatArray, side: float
) -> tuple[UInt8Array, Faces, FloatArray]:
    """A square of the picture around a point, as far as the picture goes."""
    height, width = image.shape[:2]
    x0, y0 = (max(0, int(v - side / 2)) for v in middle)
    x1, y1 = min(width, int(middle[0] + side / 2) + 1), min(height, int(middle[1] + side / 2) + 1)
    corner = np.array([x0, y0], np.float32)
    matrix = np.array([[1.0, 0.0, -x0], [0.0, 1.0, -y0]])
    return image[y0:y1, x0:x1], _moved(faces, matrix, (x1 - x0, y1 - y0)), middle - corner


def grown(box: npt.NDArray[np.floating], by: float, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The box about its middle, in whole pixels inside a picture [H, W, ...]."""
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * by
    low = np.floor(middle - half).clip(0).astype(int)
    high = np.ceil(middle + half).clip(0, [shape[1], shape[0]]).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
