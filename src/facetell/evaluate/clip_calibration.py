"""Fit how the frames of a clip add up; for validation data only."""

from collections.abc import Sequence

import numpy as np

from facetell.detect.aggregate import LOOK_S
from facetell.detect.calibrate import ClipCalibration, trimmed_mean
from facetell.detect.report import TrackReport
from facetell.errors import DataError
from facetell.evaluate.calibration import fit_clip_calibration
from facetell.evaluate.clips import JudgedClip, frame_log_odds
from facetell.types import FloatArray


def noise_of(clips: Sequence[JudgedClip]) -> float | None:
    """How much the looks of one track vary over how much tracks of one label vary; None where
    that cannot be told."""
    within, means, labels = [], [], []
    for clip in clips:
        for track in clip.tracks:
            looks = looks_of(track)
            within.append(looks.var(ddof=1))
            means.append(trimmed_mean(looks))
            labels.append(clip.sample.label)
    by_label = [np.array([m for m, x in zip(means, labels, strict=True) if x == k]) for k in (0, 1)]
    between = [part.var(ddof=1) for part in by_label if len(part) > 1]
    if not between or np.mean(between) <= 0:
        return None
    return float(np.mean(within) / np.mean(between))


def fit_clips(clips: Sequence[JudgedClip]) -> ClipCalibration:
    """Raises DataError where they are too few or of one label."""
    judged = [clip for clip in clips if clip.tracks]
    labels = np.array([clip.sample.label for clip in judged], np.int64)
    noise = noise_of(judged)
    if noise is None or min((labels == 0).sum(), (labels == 1).sum()) < 2:
        raise DataError(
            "there are too few clips of the val split with a face to be judged",
            hint="give two real and two fake ones at least; twenty are better",
        )
    plain = ClipCalibration(noise=noise)
    log_odds = [
        max(plain.log_odds(frame_log_odds(track), track.looks) for track in clip.tracks)
        for clip in judged
    ]
    fitted_on = f"val, {int(labels.sum())} fake and {int((1 - labels).sum())} real clips"
    return fit_clip_calibration(labels, np.array(log_odds, np.float64), noise, fitted_on)


def looks_of(track: TrackReport) -> FloatArray:
    """[looks] the mean log-odds of each look."""
    values = frame_log_odds(track)
    times = np.array([sample.time_s for sample in track.timeline if sample.used])
    which = np.unique(times // LOOK_S, return_inverse=True)[1]
    return np.asarray(np.bincount(which, values) / np.bincount(which), np.float32)
