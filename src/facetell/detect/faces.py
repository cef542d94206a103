"""Find faces: one small interface, several finders.

The interface is `find_faces(image) -> FoundFaces`; nothing outside this file knows which finder
runs.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from facetell.detect.answers import FEATURES, answers
from facetell.detect.card import FinderCard
from facetell.detect.crop import strips_of
from facetell.detect.session import FINDER_FILE
from facetell.errors import ModelError
from facetell.types import FloatArray, FoundFaces, UInt8Array

MAX_OVERLAP = 0.4
"""Two boxes with a larger intersection over union are one face."""
MAX_INSIDE = 0.75
"""So is a box that lies in a larger one by more than this share of itself: part of a face."""
SAME_PLACE = 0.6
"""Intersection over union from which two boxes are averaged."""
STRIDE = 32
"""The network reads sides that are multiples of it."""
SMALLEST_LOOK_PX = 96
LOOKS = ((192, 0), (640, 224), (1920, 1280))
"""Longer sides that a picture is searched at, each for pictures longer than the second number: a
face that fills the picture shows in the first, faces from 40 px in a 4K picture in the last."""
LARGEST_FACE_PX = 140
"""Larger boxes are taken from the first look only: in a finer one the network sees too little of a
large face, and what it makes of it is sure but too small."""


class FaceFinder(Protocol):
    """Whatever finds faces."""

    def find_faces(self, image: UInt8Array) -> FoundFaces:
        """image: [H, W, 3] uint8 RGB, upright. Returns its faces, best score first; none is no
        error."""
        ...


class SmallFinder:
    """facetell's own finder, one look at each of several sizes; `docs/finder.md` has its numbers.

    Cost and memory are bounded whatever the picture's size, see `LOOKS`.
    """

    def __init__(self, path: Path = FINDER_FILE) -> None:
        """path: a file with a `FinderCard`."""
        self._path = path

    @property
    def card(self) -> FinderCard:
        """What the finder's file says of itself. Raises ModelError when it cannot be used."""
        return self._opened[1]

    @cached_property
    def _opened(self) -> tuple[Any, FinderCard]:
        from facetell.detect.model import open_file

        session, card, _ = open_file(self._path, FinderCard)
        if FEATURES not in {one.name for one in session.get_inputs()}:
            raise ModelError(
                f"{self._path} is a finder of an earlier facetell, whose network was in one part",
                hint="train it again with this version, or use the one inside",
            )
        return session, card

    def find_faces(self, image: UInt8Array) -> FoundFaces:
        height, width = image.shape[:2]
        sides = _sides(max(height, width))
        inputs = _network_inputs(image, sides)
        looks = [self._look(side, *given) for side, given in zip(sides, inputs, strict=True)]
        return inside_picture(merge_overlaps(FoundFaces.together(looks)), image)

    def _look(self, longest_px: int, pixels: UInt8Array, scale_xy: FloatArray) -> FoundFaces:
        """Search at one size; pixels, scale_xy: see `_network_inputs`."""
        session, card = self._opened
        scores, boxes, landmarks = answers(session, pixels)
        likely = np.flatnonzero(scores[0] >= card.min_score)
        if longest_px > LOOKS[0][0]:
            size = boxes[0, likely, 2:] - boxes[0, likely, :2]
            likely = likely[size.max(axis=1) <= LARGEST_FACE_PX]
        return FoundFaces(
            np.asarray(boxes[0, likely] / np.tile(scale_xy, 2), np.float32),
            scores[0, likely],
            np.asarray(landmarks[0, likely] / scale_xy, np.float32),
        )


class WholePicture:
    """Takes the whole picture as one face, for crops that were made elsewhere."""

    def find_faces(self, image: UInt8Array) -> FoundFaces:
        height, width = image.shape[:2]
        box = np.array([[0, 0, width, height]], np.float32)
        return FoundFaces(box, np.ones(1, np.float32), np.full((1, 5, 2), np.nan, np.float32))


FINDERS: dict[str, Callable[[], FaceFinder]] = {
    "facetell": SmallFinder,
    "whole": WholePicture,
}


def merge_overlaps(found: FoundFaces) -> FoundFaces:
    """One face for each heap of boxes: the surest stays, moved to the mean of those that agree.

    Averaging what several cells say of one face halves the jitter (BlazeFace, Bazarevsky et al.
    2019, https://arxiv.org/abs/1907.05047).
    """
    boxes, scores = found.boxes_xyxy, found.scores
    keep = suppress_overlaps(boxes, scores, MAX_OVERLAP, MAX_INSIDE)
    weights = np.where(overlaps(boxes[keep], boxes) >= SAME_PLACE, scores**2, np.float32(0))
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), np.float32(1e-9))
    return FoundFaces(
        np.asarray(weights @ boxes, np.float32),
        scores[keep],
        np.asarray(np.tensordot(weights, found.landmarks, axes=1), np.float32),
    )


def suppress_overlaps(
    boxes: FloatArray, scores: FloatArray, max_iou: float, max_inside: float = 1.0
) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression: indices of the boxes kept, best score first.

    max_inside: a box also goes when more than this share of the smaller of the two lies in both.
    """
    order = np.argsort(-scores, kind="stable")
    areas = _areas(boxes)
    keep: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        keep.append(int(best))
        shared = _shared(boxes[[best]], boxes[rest])[0]
        iou = shared / np.maximum(areas[best] + areas[rest] - shared, 1e-9)
        inside = shared / np.maximum(np.minimum(areas[best], areas[rest]), 1e-9)
        order = rest[(iou <= max_iou) & (inside <= max_inside)]
    return np.array(keep, np.intp)


def overlaps(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Intersection over union, [N, 4] and [M, 4] -> [N, M]."""
    shared = _shared(boxes, others)
    union = _areas(boxes)[:, None] + _areas(others)[None] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)


def _shared(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Areas of the intersections, [N, M]."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=2))


def _areas(boxes: FloatArray) -> FloatArray:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))


def inside_picture(found: FoundFaces, image: UInt8Array) -> FoundFaces:
    """Clip boxes to the picture and drop those with nothing left inside."""
    height, width = image.shape[:2]
    limit = np.array([width, height, width, height], np.float32)
    boxes = found.boxes_xyxy.clip(0, limit)
    some = (boxes[:, 2:] - boxes[:, :2] > 1).all(axis=1)
    return replace(found, boxes_xyxy=boxes).chosen(some)


def _sides(longest_px: int) -> list[int]:
    """The longer sides to search a picture at, by the longer side it has."""
    sides = [min(size, longest_px) for size, from_px in LOOKS if longest_px > from_px]
    return [max(SMALLEST_LOOK_PX, side) for side in sides]


def _network_inputs(image: UInt8Array, sides: Sequence[int]) -> list[tuple[UInt8Array, FloatArray]]:
    """Resize for each look, stretching to sides that are multiples of 32.

    Returns [h, w, 3] uint8 and the scales (x, y) of each.

    A picture may be huge, so it is passed over once, in strips, for all looks together: a strip is
    either reduced by a whole factor, or brought to its width only, as Pillow's own resize begins.
    """
    height, width = image.shape[:2]
    scales = [side / max(height, width) for side in sides]
    factors = [max(1, int(1 / (2 * scale))) for scale in scales]
    sizes_wh = [(_whole_strides(width * s), _whole_strides(height * s)) for s in scales]
    wholes = [
        Image.new("RGB", (-(-width // f), -(-height // f)) if f > 1 else (new_width, height), None)
        for f, (new_width, _) in zip(factors, sizes_wh, strict=True)
    ]
    top = 0
    for strip in strips_of(image, math.lcm(*factors)):
        for factor, whole in zip(factors, wholes, strict=True):
            narrow = (
                strip.reduce(factor) if factor > 1 else _resized(strip, (whole.width, strip.height))
            )
            whole.paste(narrow, (0, top // factor))
        top += strip.height
    inputs = []
    for new_wh, whole in zip(sizes_wh, wholes, strict=True):
        pixels = np.asarray(_resized(whole, new_wh))
        inputs.append((pixels, np.array([new_wh[0] / width, new_wh[1] / height], np.float32)))
    return inputs


def _resized(pixels: Image.Image, size_wh: tuple[int, int]) -> Image.Image:
    return pixels if pixels.size == size_wh else pixels.resize(size_wh, Image.Resampling.BILINEAR)


def _whole_strides(side: float) -> int:
    return max(1, int(np.ceil(side / STRIDE))) * STRIDE
