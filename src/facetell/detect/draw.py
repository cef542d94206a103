"""Pictures of a report: the evidence over a face, the boxes over a picture."""

import numpy as np
from PIL import Image, ImageDraw

from facetell.detect.align import Square
from facetell.detect.crop import cut_square, reduce_by
from facetell.detect.evidence import FAKE_RGB, REAL_RGB, draw_evidence
from facetell.detect.report import FaceReport
from facetell.types import BoxXYXY, Picture, Verdict

UNCERTAIN_RGB = (60, 60, 60)
TAG_PX, LEAST_TAG_PX = 18, 9
VERDICT_RGB = {
    Verdict.REAL: REAL_RGB,
    Verdict.FAKE: FAKE_RGB,
    Verdict.UNCERTAIN: UNCERTAIN_RGB,
}
HEATMAP_PX = 384


def draw_crop(picture: Picture, face: FaceReport, side_px: int = HEATMAP_PX) -> Image.Image:
    """What the model saw of a face, `side_px` square."""
    return Image.fromarray(cut_square(picture.image, seen_square(picture, face), side_px))


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
    factor = max(1, max(picture.image.shape) // (2 * longest_px))
    image = Image.fromarray(reduce_by(picture.image, factor))
    image.thumbnail((longest_px, longest_px), Image.Resampling.BICUBIC)
    scale = image.width / picture.size_wh[0]
    pen = ImageDraw.Draw(image)
    thickest = max(3, round(max(image.size) / 200))
    for number, face in enumerate(faces, start=1):
        x0, y0, x1, y1 = _scaled(face.box_xyxy, scale)
        colour = VERDICT_RGB[face.verdict]
        width = min(thickest, max(1, round((y1 - y0) / 20)))
        pen.rectangle((x0 - 2, y0 - 2, x1 + 2, y1 + 2), outline="white", width=width + 4)
        pen.rectangle((x0, y0, x1, y1), outline=colour, width=width)
        if len(faces) > 1:
            _tag(pen, f" {number} ", (x0, y0, x1, y1), colour)
    return image


def _tag(
    pen: ImageDraw.ImageDraw, text: str, box_xyxy: BoxXYXY, colour: tuple[int, int, int]
) -> None:
    """A number on top of a box, or below it where the picture ends: it hides no face."""
    x0, y0, _, y1 = box_xyxy
    size = min(TAG_PX, max(LEAST_TAG_PX, (y1 - y0) / 3))
    _, _, _, height = pen.textbbox((0, 0), text, font_size=size)
    at = (x0, y0 - height - 2) if y0 > height + 2 else (x0, y1 + 2)
    left, top, right, bottom = pen.textbbox(at, text, font_size=size)
    pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=colour)
    pen.text(at, text, fill="white", font_size=size)


def _scaled(box_xyxy: BoxXYXY, scale: float) -> BoxXYXY:
    x0, y0, x1, y1 = (v * scale for v in box_xyxy)
    return x0, y0, x1, y1
