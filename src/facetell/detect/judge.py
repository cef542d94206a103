"""Judge the faces found in one picture, or in one frame of a clip."""

import numpy as np

from facetell.detect.crop import cut_square, place_crop, reduce_by
from facetell.detect.faces import FaceFinder, inside_picture
from facetell.detect.model import Model
from facetell.detect.quality import measure_quality
from facetell.detect.report import FaceReport
from facetell.types import BoxXYXY, FloatArray, FoundFaces, Picture, UInt8Array

QUICK_PX = 1280
"""Longer sides take the finder's largest look, which costs nine times the others."""


def judge_faces(picture: Picture, found: FoundFaces, model: Model) -> list[FaceReport]:
    """What the model says of each face; the most suspicious one comes first."""
    if not len(found):
        return []
    card = model.card
    size_wh = picture.image.shape[1], picture.image.shape[0]
    squares = [
        place_crop(box, points, card.crop, size_wh)
        for box, points in zip(found.boxes_xyxy, found.landmarks, strict=True)
    ]
    size_px, resample = card.crop.size_px, card.crop.resample
    crops = [cut_square(picture.image, square, size_px, resample) for square in squares]
    logits, evidence = model.score(np.stack(crops))
    log_odds = card.calibration.log_odds(logits)
    p_fakes = card.calibration.p_fake(logits)
    maps = card.calibration.log_odds(evidence)
    faces = []
    for i, square in enumerate(squares):
        x0, y0, x1, y1 = (float(v) for v in found.boxes_xyxy[i])
        quality = measure_quality(picture, (x0, y0, x1, y1))
        faces.append(
            FaceReport(
                box_xyxy=_to_original((x0, y0, x1, y1), picture),
                landmarks=_points_to_original(found.landmarks[i], picture),
                crop_xyxy=_to_original(square.level_xyxy, picture),
                crop_tilt_deg=round(square.tilt_deg, 1),
                score=round(float(found.scores[i]), 4),
                p_fake=float(p_fakes[i]),
                verdict=card.thresholds.verdict(float(p_fakes[i])),
                quality=quality,
                warnings=quality.warnings(card.smallest_face_px),
                log_odds=float(log_odds[i]),
                evidence=maps[i].round(4).tolist(),
            )
        )
    return sorted(faces, key=lambda face: -face.p_fake)


def find_quickly(finder: FaceFinder, image: UInt8Array) -> FoundFaces:
    """The faces of a large frame but for the smallest: it is searched at QUICK_PX at most."""
    factor = -(-max(image.shape) // QUICK_PX)
    found = finder.find_faces(reduce_by(image, factor))
    return inside_picture(found.scaled(factor), image)


def largest(found: FoundFaces, count: int) -> FoundFaces:
    """The largest faces, in the order they were found."""
    return found.chosen(np.sort(np.argsort(-found.areas, kind="stable")[:count]))


def _to_original(box: BoxXYXY, picture: Picture) -> BoxXYXY:
    x0, y0, x1, y1 = (round(float(v) * picture.scale, 1) for v in box)
    return x0, y0, x1, y1


def _points_to_original(landmarks: FloatArray, picture: Picture) -> list[tuple[float, float]]:
    if np.isnan(landmarks).any():
        return []
    points = (landmarks * picture.scale).astype(float).round(1)
    return [(x, y) for x, y in points.tolist()]
