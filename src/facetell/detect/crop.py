"""From a face to the tensor a model reads: the one way for training and for judging.

Preprocessing belongs to the weights, so everything here is driven by the `CropSpec` in a model's
card: face -> `place_crop` -> `Square` -> `cut_square` -> crop -> `to_tensor`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from facetell.detect.align import Square, by_box, by_landmarks, levelled
from facetell.types import BoxXYXY, FloatArray, UInt8Array

LARGEST_CUT_PX = 1536
"""A larger square is cut from a reduced picture; several times what any model reads."""
STRIP_PIXELS = 250_000
"""A strip of so many stays in the processor's cache while it is reduced."""
DUST = 1e-6
"""Pixels by which a sum of floats may miss a whole one."""

RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


Align = Literal["box", "level", "landmarks"]
PLACES = {"level": levelled, "landmarks": by_landmarks}


class CropSpec(BaseModel):
    """How a crop is cut and normalised.

    align: what places the crop. "box"; "level": the box, and a face whose landmarks are tilted by
        more than `align.LEVEL_FROM_DEG` is turned upright; "landmarks": these alone.
    margin: side of the square crop as a multiple of the length of the face.
    size_px: side of the finished crop in pixels.
    resample: filter of the resize (Pillow's, antialiased when shrinking).
    mean, std: per channel (RGB), on the 0..255 scale: tensor = (crop - mean) / std.

    `place_crop` says where the crop lies, and what happens at the picture's border.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    align: Align = "box"
    margin: float = Field(gt=0.2, lt=5)
    size_px: int = Field(ge=32, le=1024)
    resample: Literal["bicubic", "bilinear"] = "bicubic"
    mean: tuple[float, float, float]
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat]


def place_crop(
    box_xyxy: Sequence[float],
    landmarks: FloatArray | None,
    spec: CropSpec,
    size_wh: tuple[float, float],
) -> Square:
    """Where the crop of a face lies in a picture of size_wh pixels.

    landmarks: [5, 2], NaN or None where there are none.
    """
    face = face_square(box_xyxy, landmarks, spec)
    return replace(face, side=face.side * spec.margin).kept_inside(size_wh, least=face.side)


def face_square(box_xyxy: Sequence[float], landmarks: FloatArray | None, spec: CropSpec) -> Square:
    """The face itself, as long as the square's side; wherever the picture ends."""
    if spec.align == "box" or landmarks is None:
        return by_box(box_xyxy)
    return PLACES[spec.align](box_xyxy, landmarks)


def cut_region(image: UInt8Array, region_xyxy: Sequence[float]) -> tuple[UInt8Array, BoxXYXY]:
    """Cut the whole pixels that cover a region, repeating the border outside the picture.

    Returns the pixels [h, w, 3] and the region in their coordinates.
    """
    height, width = image.shape[:2]
    left, top = (int(np.floor(v + DUST)) for v in region_xyxy[:2])
    right, bottom = (int(np.ceil(v - DUST)) for v in region_xyxy[2:])
    columns = np.arange(left, max(right, left + 1))
    rows = np.arange(top, max(bottom, top + 1))
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        cut = image[top : top + len(rows), left : left + len(columns)]
    else:
        cut = image[rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)[None, :]]
    x0, y0, x1, y1 = region_xyxy
    return cut, (x0 - left, y0 - top, x1 - left, y1 - top)


def cut_bounded(image: UInt8Array, region_xyxy: Sequence[float]) -> tuple[UInt8Array, BoxXYXY]:
    """`cut_region`, from a reduced picture where the region is huge: memory stays bounded.

    Without it a picture of 65,000 x 16 px, taken whole, would be a square of 12 GB.
    """
    side = max(region_xyxy[2] - region_xyxy[0], region_xyxy[3] - region_xyxy[1])
    factor = max(1, int(side // LARGEST_CUT_PX))
    x0, y0, x1, y1 = (v / factor for v in region_xyxy)
    return cut_region(reduce_by(image, factor), (x0, y0, x1, y1))


def reduce_by(image: UInt8Array, factor: int) -> UInt8Array:
    """Average squares of `factor` pixels, strip by strip: no second copy of a huge picture."""
    if factor == 1:
        return image
    return np.concatenate([np.asarray(s.reduce(factor)) for s in strips_of(image, factor)])


def strips_of(image: UInt8Array, multiple: int = 1) -> Iterator[Image.Image]:
    """The picture from top to bottom; all strips but the last have a multiple of so many rows."""
    step = multiple * max(1, STRIP_PIXELS // (multiple * image.shape[1]))
    for top in range(0, image.shape[0], step):
        yield Image.fromarray(np.ascontiguousarray(image[top : top + step]))


def cut_square(
    image: UInt8Array, square: Square, size_px: int, resample: str = "bicubic"
) -> UInt8Array:
    """Cut a square of a picture, turned upright: [size_px, size_px, 3] uint8 RGB."""
    cut, region = cut_bounded(image, square.bounds_xyxy)
    pixels = Image.fromarray(np.ascontiguousarray(cut))
    if square.tilt_deg:
        return _levelled(pixels, region, square, size_px)
    box = _inside(region, cut.shape)
    return np.asarray(pixels.resize((size_px, size_px), RESAMPLING[resample], box=box))


def _levelled(pixels: Image.Image, region: BoxXYXY, square: Square, size_px: int) -> UInt8Array:
    """Turn the region upright about its middle: first resize, antialiased, then turn."""
    around = max(1, round(size_px * square.reach))
    box = _inside(region, (pixels.height, pixels.width))
    whole = pixels.resize((around, around), Image.Resampling.BICUBIC, box=box)
    angle = np.radians(square.tilt_deg)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    middle, half = around / 2, size_px / 2
    back = (
        cos, -sin, middle - cos * half + sin * half,
        sin, cos, middle - sin * half - cos * half,
    )  # fmt: skip
    size = (size_px, size_px)
    turned = whole.transform(size, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)
    return np.asarray(turned)


def crop_face(
    image: UInt8Array,
    box_xyxy: Sequence[float],
    spec: CropSpec,
    landmarks: FloatArray | None = None,
) -> UInt8Array:
    """Cut the face as the model wants it.

    image: [H, W, 3] uint8 RGB; box_xyxy, landmarks: of the face in its pixels.
    Returns [size_px, size_px, 3] uint8 RGB.
    """
    square = place_crop(box_xyxy, landmarks, spec, (image.shape[1], image.shape[0]))
    return cut_square(image, square, spec.size_px, spec.resample)


def to_tensor(crops: UInt8Array, spec: CropSpec) -> FloatArray:
    """crops: [N, S, S, 3] uint8 RGB -> [N, 3, S, S] float32, normalised as the card says."""
    # Bytes are put into their planes before they become floats: five times as fast.
    planes = np.ascontiguousarray(crops.transpose(0, 3, 1, 2)).astype(np.float32)
    planes -= np.asarray(spec.mean, np.float32)[:, None, None]
    planes /= np.asarray(spec.std, np.float32)[:, None, None]
    return planes


def _inside(region: BoxXYXY, shape: tuple[int, ...]) -> BoxXYXY:
    """Clip the dust of rounding: Pillow refuses a box that leaves the picture by 1e-12."""
    x0, y0, x1, y1 = region
    height, width = shape[:2]
    return max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
