"""Pictures of a report: the evidence over a face, the boxes over a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from facetell.detect.align import Square, scale_box
from facetell.detect.crop import CropSpec, cut_square, reduce_by
from facetell.detect.evidence import FAKE_RGB, REAL_RGB, draw_evidence
from facetell.detect.report import FaceReport
from facetell.types import BoxXYXY, Picture, UInt8Array, Verdict

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

UNCERTAIN_RGB = (60, 60, 60)
TAG_PX, LEAST_TAG_PX = 18, 9
VERDICT_RGB = {
    Verdict.REAL: REAL_RGB,
    Verdict.FAKE: FAKE_RGB,
    Verdict.UNCERTAIN: UNCERTAIN_RGB,
}
HEATMAP_PX = 384


@dataclass(frozen=True)
class Mark:
    """A box to draw, in pixels of the original picture; tag: what stands on it, "" = nothing."""

    box_xyxy: BoxXYXY
    verdict: Verdict
    tag: str = ""


def draw_crop(picture: Picture, face: FaceReport, side_px: int = HEATMAP_PX) -> Image.Image:
    """What the model saw of a face, `side_px` square."""
    return Image.fromarray(cut_square(picture.image, seen_square(picture, face), side_px))


def model_input(picture: Picture, face: FaceReport, spec: CropSpec) -> UInt8Array:
    """The crop of a face as the model gets it: [S, S, 3] uint8 RGB."""
    return cut_square(picture.image, seen_square(picture, face), spec.size_px, spec.resample)


def seen_square(picture: Picture, face: FaceReport) -> Square:
    """Where the crop of a face lies in the decoded picture."""
    x0, y0, x1, y1 = (v / picture.scale for v in face.crop_xyxy)
    return Square(((x0 + x1) / 2, (y0 + y1) / 2), x1 - x0, face.crop_tilt_deg)


def draw_heatmap(picture: Picture, face: FaceReport, side_px: int = HEATMAP_PX) -> Image.Image:
    """The face with its evidence laid over it, `side_px` square."""
    crop = np.asarray(draw_crop(picture, face, side_px))
    return Image.fromarray(draw_evidence(crop, np.asarray(face.evidence, np.float32)))


def draw_boxes(picture: Picture, faces: list[FaceReport], longest_px: int = 960) -> Image.Image:
    """The picture with a box around every face, coloured and numbered as in the report."""
    several = len(faces) > 1
    marks = [
        Mark(face.box_xyxy, face.verdict, str(number) if several else "")
        for number, face in enumerate(faces, start=1)
    ]
    return draw_marks(picture, marks, longest_px)


def draw_marks(picture: Picture, marks: Sequence[Mark], longest_px: int = 960) -> Image.Image:
    """The picture, made smaller where it is longer than longest_px, with boxes."""
    from PIL import ImageDraw  # loads fonts

    factor = max(1, max(picture.image.shape) // (2 * longest_px))
    image = Image.fromarray(reduce_by(picture.image, factor))
    image.thumbnail((longest_px, longest_px), Image.Resampling.BICUBIC)
    scale = image.width / picture.size_wh[0]
    pen = ImageDraw.Draw(image)
    thickest = max(3, round(max(image.size) / 200))
    for mark in marks:
        x0, y0, x1, y1 = scale_box(mark.box_xyxy, scale)
        colour = VERDICT_RGB[mark.verdict]
        width = min(thickest, max(1, round((y1 - y0) / 20)))
        pen.rectangle((x0 - 2, y0 - 2, x1 + 2, y1 + 2), outline="white", width=width + 4)
        pen.rectangle((x0, y0, x1, y1), outline=colour, width=width)
        if mark.tag:
            _tag(pen, image.size, f" {mark.tag} ", (x0, y0, x1, y1), colour)
    return image


def _tag(
    pen: "ImageDraw",
    size_wh: tuple[int, int],
    text: str,
    box_xyxy: BoxXYXY,
    colour: tuple[int, int, int],
) -> None:
    """A number on top of a box, or below it where the picture ends: it hides no face, but for one
    as high as the picture."""
    x0, y0, _, y1 = box_xyxy
    size = min(TAG_PX, max(LEAST_TAG_PX, (y1 - y0) / 3))
    _, _, width, height = pen.textbbox((0, 0), text, font_size=size)
    x = max(0, min(x0, size_wh[0] - width - 2))
    if y0 > height + 2:
        y = y0 - height - 2
    elif y1 + height + 4 < size_wh[1]:
        y = y1 + 2
    else:
        y = max(0, y0) + 2
    at = (x, y)
    left, top, right, bottom = pen.textbbox(at, text, font_size=size)
    pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=colour)
    pen.text(at, text, fill="white", font_size=size)
