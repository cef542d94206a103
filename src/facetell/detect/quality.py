"""Measure how well a face can be judged, and say what stands in the way.

Every warning compares one measured value with one limit. The limits come from
`benchmarks/quality_limits.py`, which prints how often each is crossed by photographs as they are
and by degraded copies.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from facetell.types import BoxXYXY, Picture, UInt8Array

MIN_SHARPNESS = 0.085
MIN_JPEG_QUALITY = 45.0
MAX_BLOCKINESS = 1.6
DARK, BRIGHT = 45.0, 215.0
_WORK_PX = 96
"""Faces are brought to this size before sharpness and light are measured."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured on one face.

    size_px: longer side of its box in pixels of the original.
    sharpness: share of the grey contrast that a slight blur takes away, at a fixed face size; 0 =
    none.
    blockiness: steps across the 8-pixel JPEG grid over steps within it; 1 = no grid to be seen.
    jpeg_quality: of the file, 1..100, None where it is no JPEG.
    brightness: mean grey, 0..255.
    cut_by_border: the face box touches the picture's border.
    """

    size_px: float
    sharpness: float
    blockiness: float
    jpeg_quality: float | None
    brightness: float
    cut_by_border: bool

    def warnings(self, smallest_face_px: int) -> list[str]:
        """What a reader must know before trusting the score; empty when nothing stands out."""
        found = []
        if self.size_px < smallest_face_px:
            found.append(
                f"face is {self.size_px:.0f} px wide or high; "
                f"this model was not tested below {smallest_face_px}"
            )
        if self.sharpness < MIN_SHARPNESS:
            found.append("face is blurred: fine signs are lost")
        jpeg = self.jpeg_quality
        if jpeg is not None and jpeg < MIN_JPEG_QUALITY:
            found.append(f"strong JPEG compression (quality about {jpeg:.0f}) hides fine signs")
        elif self.blockiness > MAX_BLOCKINESS:
            found.append("traces of strong compression: fine signs are hidden")
        if self.brightness < DARK:
            found.append("face is very dark")
        if self.brightness > BRIGHT:
            found.append("face is overexposed")
        if self.cut_by_border:
            found.append("face is cut by the picture's border")
        return found


def measure_quality(picture: Picture, box_xyxy: BoxXYXY) -> Quality:
    """box_xyxy: the face box in pixels of `picture.image`, inside its borders; one that is all of
    the picture says nothing of where the face ends."""
    height, width = picture.image.shape[:2]
    x0, y0 = (max(0, int(v)) for v in box_xyxy[:2])
    x1, y1 = min(width, int(np.ceil(box_xyxy[2]))), min(height, int(np.ceil(box_xyxy[3])))
    grey = Image.fromarray(np.ascontiguousarray(picture.image[y0:y1, x0:x1])).convert("L")
    near = (box_xyxy[0] <= 1, box_xyxy[1] <= 1,
            box_xyxy[2] >= width - 1, box_xyxy[3] >= height - 1)  # fmt: skip
    return Quality(
        size_px=round(max(x1 - x0, y1 - y0) * picture.scale, 1),
        sharpness=round(_sharpness(grey), 4),
        blockiness=round(_blockiness(np.asarray(grey), x0, y0), 3),
        jpeg_quality=picture.jpeg_quality,
        brightness=round(float(np.asarray(grey).mean()), 1),
        cut_by_border=any(near) and not all(near),
    )


def _sharpness(face: Image.Image) -> float:
    face = face.resize((_WORK_PX, _WORK_PX), Image.Resampling.BILINEAR)
    pixels = np.asarray(face, np.float32)
    smooth = np.asarray(face.filter(ImageFilter.GaussianBlur(1.5)), np.float32)
    contrast = float(pixels.std())
    return float((pixels - smooth).std()) / contrast if contrast > 1 else 0.0


def _blockiness(grey: UInt8Array, left: int, top: int) -> float:
    """left, top: where the face lies in the picture, whose JPEG grid starts at its corner."""
    ratios = []
    neighbours = ((grey[:-1], grey[1:]), (grey[:, :-1], grey[:, 1:]))
    for axis, start in ((0, top), (1, left)):
        one, other = neighbours[axis]
        # In bytes, whose sums are as exact in float32 and half as slow.
        differences = np.maximum(one, other) - np.minimum(one, other)
        steps = differences.mean(axis=1 - axis, dtype=np.float32)
        on_grid = (np.arange(len(steps)) + start) % 8 == 7
        if on_grid.any() and not on_grid.all():
            ratios.append((steps[on_grid].mean() + 0.5) / (steps[~on_grid].mean() + 0.5))
    return float(np.mean(ratios)) if ratios else 1.0
