"""From the frames of a track to its p_fake, its verdict and its segments."""

import itertools
from collections.abc import Sequence

import numpy as np

from facetell.detect.calibrate import sigmoid
from facetell.detect.card import ModelCard
from facetell.detect.quality import MIN_SHARPNESS, Quality
from facetell.detect.report import FaceReport, Segment, TimelineSample, TrackReport
from facetell.types import FloatArray, Verdict

LOOK_S = 0.5
"""What a model says of frames closer in time than this is nearly the same: they count as one
look."""
MIN_LOOKS = 3
"""With fewer looks a track has no verdict but uncertain."""
TINY = 0.5
"""Faces smaller than this share of the smallest that the model was tested on are no evidence."""
PROFILE = 0.6
"""So are those whose nose is farther from the middle between the eyes, in distances of the eyes."""
TELLING, MOST_SEGMENTS = 4, 20
"""So many frames of a track are shown with their evidence, and one of each of so many segments."""
SURE_FACE = 0.65
"""Nor is what the finder is less sure of: of a fist, say, frame after frame."""
MIN_SEGMENT_S, MIN_SEGMENT_FRAMES = 1.0, 2
"""Fake signs must hold for so long; single frames rise above any threshold."""


def is_clear(face: FaceReport, smallest_face_px: int) -> bool:
    """Whether a face is seen well enough to count as evidence for its track."""
    quality = face.quality
    return (
        quality.size_px >= TINY * smallest_face_px
        and quality.sharpness >= MIN_SHARPNESS
        and not quality.cut_by_border
        and _turn(face) <= PROFILE
        and face.score >= SURE_FACE
    )


def _turn(face: FaceReport) -> float:
    """How far a face is turned to the side: 0 from the front; 0 too where landmarks are unknown."""
    if not face.landmarks:
        return 0.0
    left, right, nose = np.asarray(face.landmarks[:3])
    across = right - left
    length = max(float(np.hypot(*across)), 1e-6)
    return abs(float((nose - (left + right) / 2) @ across)) / length**2


def summarise_track(
    number: int,
    samples: Sequence[TimelineSample],
    log_odds: FloatArray,
    faces: Sequence[FaceReport],
    step_s: float,
    end_s: float,
    card: ModelCard,
) -> TrackReport:
    """What is said of one track.

    samples: one or more, in order of time; log_odds: [N], theirs. faces: some of them with their
    evidence, the most suspicious first.
    step_s: seconds for which a sample stands; end_s: when the clip ends.
    """
    used = np.array([sample.used for sample in samples])
    times = np.array([sample.time_s for sample in samples])
    counted = used if used.any() else np.ones_like(used)
    looks = len(np.unique(times[used] // LOOK_S))
    total = card.clips.log_odds(log_odds[counted], max(looks, 1))
    p_fake = float(sigmoid(total))
    segments = _segments(times[used], log_odds[used], step_s, end_s, card)
    verdict, reason = _verdict(p_fake, looks, segments, card)
    warnings = _usual([sample.quality for sample in samples]).warnings(card.smallest_face_px)
    if verdict is Verdict.UNCERTAIN and warnings:
        reason = "; ".join([reason or "", *warnings])
    return TrackReport(
        id=number,
        start_s=samples[0].time_s,
        end_s=round(min(samples[-1].time_s + step_s, end_s), 3),
        log_odds=total,
        p_fake=p_fake,
        verdict=verdict,
        reason=reason,
        warnings=warnings,
        frames_used=int(used.sum()),
        looks=looks,
        timeline=list(samples),
        segments=segments,
        faces=_telling(faces, segments),
    )


def _verdict(
    p_fake: float, looks: int, segments: Sequence[Segment], card: ModelCard
) -> tuple[Verdict, str | None]:
    if looks < MIN_LOOKS:
        seen = f"seen clearly in {'one moment' if looks == 1 else f'{looks} moments'} only"
        return Verdict.UNCERTAIN, (
            f"too few usable frames: the face is {seen if looks else 'never seen clearly enough'} "
            "(frames that repeat the one before do not count)"
        )
    verdict = card.thresholds.verdict(p_fake)
    if verdict is Verdict.FAKE:
        return verdict, None
    if segments:
        signs = _fake_signs(segments)
        return Verdict.UNCERTAIN, (
            f"real on the whole, but with {signs}"
            if verdict is Verdict.REAL
            else f"{signs}, but p_fake of the whole stays below the fake threshold"
        )
    return verdict, "the signs do not suffice either way" if verdict is Verdict.UNCERTAIN else None


def _fake_signs(segments: Sequence[Segment]) -> str:
    """Where they are, the worst by its times."""
    worst = max(segments, key=lambda segment: segment.peak)
    others = len(segments) - 1
    more = f" and in {others} more span{'s' if others > 1 else ''}" if others else ""
    return f"fake signs from {worst.start_s:.1f} to {worst.end_s:.1f} s{more}"


def _segments(
    times: FloatArray, log_odds: FloatArray, step_s: float, clip_end_s: float, card: ModelCard
) -> list[Segment]:
    """Spans in which the smoothed p_fake stays above the fake threshold."""
    high = sigmoid(_smoothed(times, log_odds)) >= card.thresholds.fake_from
    breaks = np.flatnonzero(np.diff(high) | (np.diff(times) > 2 * max(step_s, LOOK_S))) + 1
    segments = []
    for run in np.split(np.arange(len(times)), breaks):
        if not len(run) or not high[run[0]]:
            continue
        start_s, end_s = float(times[run[0]]), min(float(times[run[-1]]) + step_s, clip_end_s)
        if end_s - start_s >= MIN_SEGMENT_S and len(run) >= MIN_SEGMENT_FRAMES:
            p = sigmoid(log_odds[run])
            segments.append(
                Segment(
                    start_s=round(start_s, 3),
                    end_s=round(end_s, 3),
                    peak=float(p.max()),
                    mean=float(p.mean()),
                )
            )
    return segments


def _telling(faces: Sequence[FaceReport], segments: Sequence[Segment]) -> list[FaceReport]:
    """The most suspicious face of each segment, and of the whole track."""
    strongest = sorted(segments, key=lambda segment: -segment.peak)[:MOST_SEGMENTS]
    chosen = list(faces[:TELLING])
    for segment in strongest:
        inside = (f for f in faces if segment.start_s <= (f.time_s or 0) < segment.end_s)
        chosen += [face for face in itertools.islice(inside, 1) if face not in chosen]
    return chosen


def _smoothed(times: FloatArray, values: FloatArray) -> FloatArray:
    """The mean over a second around each time."""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    first = np.searchsorted(times, times - LOOK_S, "left")
    end = np.searchsorted(times, times + LOOK_S, "right")
    return np.asarray((total[end] - total[first]) / np.maximum(end - first, 1), np.float32)


def _usual(qualities: Sequence[Quality]) -> Quality:
    """The median of each measured value."""

    def median(name: str) -> float:
        return float(np.median([getattr(quality, name) for quality in qualities]))

    return Quality(
        size_px=median("size_px"),
        sharpness=median("sharpness"),
        blockiness=median("blockiness"),
        jpeg_quality=None,
        brightness=median("brightness"),
        cut_by_border=median("cut_by_border") > 0.5,
    )
