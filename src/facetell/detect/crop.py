"""From a face box to the tensor a model reads: the one function for training and for judging.

Preprocessing belongs to the weights, so everything here is driven by the `CropSpec` in a model's
card.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from facetell.types import BoxXYXY, FloatArray, UInt8Array

LARGEST_CUT_PX = 1536
"""A larger square is cut from a reduced picture; several times what any model reads."""
STRIP_ROWS = 512

RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


class CropSpec(BaseModel):
    """How a crop is cut and normalised.

    margin: side of the square crop as a multiple of the longer side of the face box.
    size_px: side of the finished crop in pixels.
    resample: filter of the resize (Pillow's, antialiased when shrinking).
    mean, std: per channel (RGB), on the 0..255 scale: tensor = (crop - mean) / std.

    `square_around` says where the crop lies, and what happens at the picture's border.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    margin: float = Field(gt=0.2, lt=5)
    size_px: int = Field(ge=32, le=1024)
    resample: Literal["bicubic", "bilinear"] = "bicubic"
    mean: tuple[float, float, float]
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat]


def square_around(
    box_xyxy: Sequence[float], margin: float, size_wh: tuple[float, float]
) -> BoxXYXY:
    """The square crop of a face box, kept inside the picture as far as it goes.

    Its side is `margin` times the box's longer side, less where the picture is smaller than that
    (but never less than the box's longer side), and it slides inward at a border. Only a face that
    is longer
    than the picture is wide leaves it: then the border is repeated. Otherwise drawn borders would
    mark the sources whose pictures are tight crops, and a net learns sources gladly.
    """
    x0, y0, x1, y1 = box_xyxy
    face = max(x1 - x0, y1 - y0)
    side = min(face * margin, max(face, min(size_wh)))
    left = _slide_inside((x0 + x1 - side) / 2, side, size_wh[0])
    top = _slide_inside((y0 + y1 - side) / 2, side, size_wh[1])
    return left, top, left + side, top + side


def _slide_inside(start: float, length: float, limit: float) -> float:
    if length >= limit:
        return (limit - length) / 2
    return min(max(start, 0.0), limit - length)


def cut_region(image: UInt8Array, region_xyxy: Sequence[float]) -> tuple[UInt8Array, BoxXYXY]:
    """Cut the whole pixels that cover a region, repeating the border outside the picture.

    Returns the pixels [h, w, 3] and the region in their coordinates.
    """
    height, width = image.shape[:2]
    left, top = int(np.floor(region_xyxy[0])), int(np.floor(region_xyxy[1]))
    right, bottom = int(np.ceil(region_xyxy[2])), int(np.ceil(region_xyxy[3]))
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
    step = factor * max(1, STRIP_ROWS // factor)
    strips = [
        np.asarray(Image.fromarray(np.ascontiguousarray(image[top : top + step])).reduce(factor))
        for top in range(0, image.shape[0], step)
    ]
    return np.concatenate(strips)


def crop_face(image: UInt8Array, box_xyxy: Sequence[float], spec: CropSpec) -> UInt8Array:
    """Cut the face as the model wants it.

    image: [H, W, 3] uint8 RGB; box_xyxy: face box in its pixels.
    Returns [size_px, size_px, 3] uint8 RGB.
    """
    size_wh = image.shape[1], image.shape[0]
    cut, region = cut_bounded(image, square_around(box_xyxy, spec.margin, size_wh))
    resized = Image.fromarray(np.ascontiguousarray(cut)).resize(
        (spec.size_px, spec.size_px), RESAMPLING[spec.resample], box=_inside(region, cut.shape)
    )
    return np.asarray(resized)


def to_tensor(crops: UInt8Array, spec: CropSpec) -> FloatArray:
    """crops: [N, S, S, 3] uint8 RGB -> [N, 3, S, S] float32, normalised as the card says."""
    mean = np.asarray(spec.mean, np.float32)
    std = np.asarray(spec.std, np.float32)
    normalised = (crops.astype(np.float32) - mean) / std
    return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2))


def _inside(region: BoxXYXY, shape: tuple[int, ...]) -> BoxXYXY:
    """Clip rounding dust: Pillow refuses a box that leaves the picture by 1e-12."""
    x0, y0, x1, y1 = region
    height, width = shape[:2]
    return max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
