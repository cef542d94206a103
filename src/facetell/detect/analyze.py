"""From a file to its report. Read this file first: it shows the whole way.

media -> picture -> faces -> crops -> logits + evidence -> p_fake -> verdict -> Report
"""

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetell.detect.crop import cut_square, place_crop
from facetell.detect.faces import FINDERS, FaceFinder
from facetell.detect.media import MAX_PIXELS, media_kind, read_picture
from facetell.detect.model import DEFAULT_MODEL, Model
from facetell.detect.quality import measure_quality
from facetell.detect.report import LIMITS_OF_THE_CLAIM, FaceReport, ModelInfo, Report, Timings
from facetell.errors import MediaError
from facetell.types import BoxXYXY, FloatArray, FoundFaces, Kind, Picture, Status, Verdict


@dataclass(frozen=True)
class Options:
    """How to judge.

    finder: a name in `FINDERS`; "whole" judges the picture as one crop.
    max_faces: the largest faces are judged, and a warning tells of the rest.
    max_pixels: larger pictures are refused; see `read_picture`.
    """

    finder: str = "facetell"
    max_faces: int = 50
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Detector:
    """A model and a face finder, opened once and used for many files (from several threads,
    too)."""

    model: Model
    finder: FaceFinder
    options: Options = Options()

    @classmethod
    def load(
        cls,
        model: str | Path = DEFAULT_MODEL,
        options: Options = Options(),
        threads: int = 1,
    ) -> "Detector":
        """Open a model file; by default the one inside the package.

        threads: processor threads that one picture may use.
        Raises ModelError when the model file cannot be used.
        """
        finder = FINDERS[options.finder](threads)
        return cls(Model.load(Path(model), threads), finder, options)

    def analyze(self, source: str | Path) -> Report:
        """Judge one file; see `analyze`."""
        return analyze(source, self, self.options)


def analyze(source: str | Path, detector: Detector, options: Options) -> Report:
    """Judge the faces in one picture.

    Always returns a report: a file that cannot be read has status `error`, one without a face
    `no_face`, both with the reason and without a score.
    """
    path = Path(source)
    started = time.perf_counter()
    try:
        picture = read_picture(path, max_pixels=options.max_pixels)
    except MediaError as error:
        timings = _timings(started, time.perf_counter())
        return _unjudged(path, detector, timings, Status.ERROR, str(error), kind=_kind_of(path))
    return analyze_picture(picture, path, detector, options, started)


def analyze_picture(
    picture: Picture,
    path: Path,
    detector: Detector,
    options: Options,
    started: float | None = None,
) -> Report:
    """Judge a picture already decoded; `path` is only what the report calls it.

    started: `time.perf_counter()` when its reading began, for the timings.
    """
    read = time.perf_counter()
    found = detector.finder.find_faces(picture.image)
    looked = time.perf_counter()
    if not len(found):
        timings = _timings(started or read, read, looked)
        reason = "no face found in the picture"
        return _unjudged(path, detector, timings, Status.NO_FACE, reason, picture)
    chosen = _largest(found, options.max_faces)
    faces = _judge(picture, chosen, detector)
    worst = faces[0]
    warnings = list(worst.warnings)
    if len(chosen) < len(found):
        warnings.append(f"only the {len(chosen)} largest of {len(found)} faces were judged")
    if picture.frames > 1:
        warnings.append("animated or multi-page: only the first frame was judged")
    return Report(
        path=str(path),
        kind=Kind.IMAGE,
        status=Status.OK,
        reason=_why_uncertain(worst) if worst.verdict is Verdict.UNCERTAIN else None,
        verdict=worst.verdict,
        p_fake=worst.p_fake,
        format=picture.format,
        size_wh=picture.size_wh,
        faces=faces,
        warnings=warnings,
        model=model_info(detector),
        limits=limits_of(detector),
        timings_ms=_timings(started or read, read, looked, time.perf_counter()),
    )


def _judge(picture: Picture, found: FoundFaces, detector: Detector) -> list[FaceReport]:
    """Judge faces; the most suspicious one comes first."""
    card = detector.model.card
    size_wh = picture.image.shape[1], picture.image.shape[0]
    squares = [
        place_crop(box, points, card.crop, size_wh)
        for box, points in zip(found.boxes_xyxy, found.landmarks, strict=True)
    ]
    size_px, resample = card.crop.size_px, card.crop.resample
    crops = [cut_square(picture.image, square, size_px, resample) for square in squares]
    logits, evidence = detector.model.score(np.stack(crops))
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


def _largest(found: FoundFaces, count: int) -> FoundFaces:
    """The largest faces, in the order they were found."""
    chosen = sorted(np.argsort(-found.areas, kind="stable")[:count].tolist())
    return FoundFaces(found.boxes_xyxy[chosen], found.scores[chosen], found.landmarks[chosen])


def _why_uncertain(face: FaceReport) -> str:
    if face.warnings:
        return f"the signs do not suffice either way; {'; '.join(face.warnings)}"
    return "the signs do not suffice either way"


def _unjudged(
    path: Path,
    detector: Detector,
    timings: Timings,
    status: Status,
    reason: str,
    picture: Picture | None = None,
    kind: Kind = Kind.IMAGE,
) -> Report:
    return Report(
        path=str(path),
        kind=kind,
        status=status,
        reason=reason,
        format=picture.format if picture else None,
        size_wh=picture.size_wh if picture else None,
        model=model_info(detector),
        limits=limits_of(detector),
        timings_ms=timings,
    )


def _kind_of(path: Path) -> Kind:
    try:
        return media_kind(path)
    except MediaError:
        return Kind.UNKNOWN


def model_info(detector: Detector) -> ModelInfo:
    """What every report of this detector says of it."""
    card = detector.model.card
    return ModelInfo(
        name=card.name,
        version=card.version,
        sha256=detector.model.sha256,
        real_below=card.thresholds.real_below,
        fake_from=card.thresholds.fake_from,
        finder=detector.options.finder,
    )


def limits_of(detector: Detector) -> tuple[str, ...]:
    """What a score of this detector does not mean: the model's own limits, then those of all."""
    return *detector.model.card.limits, *LIMITS_OF_THE_CLAIM


def _to_original(box: BoxXYXY, picture: Picture) -> BoxXYXY:
    x0, y0, x1, y1 = (round(float(v) * picture.scale, 1) for v in box)
    return x0, y0, x1, y1


def _points_to_original(landmarks: FloatArray, picture: Picture) -> list[tuple[float, float]]:
    if np.isnan(landmarks).any():
        return []
    points = (landmarks * picture.scale).astype(float).round(1)
    return [(x, y) for x, y in points.tolist()]


def _timings(*moments: float) -> Timings:
    """From `time.perf_counter()` before reading and after each step that was reached."""
    steps = [round((b - a) * 1000, 1) for a, b in itertools.pairwise(moments)]
    total = round((moments[-1] - moments[0]) * 1000, 1)
    return Timings(**dict(zip(("read", "faces", "model"), steps, strict=False)), total=total)
