"""Measure the judging of clips: frames, tracks and whole clips, by rules and by temporal signs.

Clips are few and their frames much alike, so every number has its interval, drawn by group.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facetell.data.manifest import Sample
from facetell.detect.aggregate import LOOK_S, MIN_LOOKS
from facetell.detect.analyze import Detector
from facetell.detect.calibrate import ClipCalibration
from facetell.detect.report import Report, TrackReport
from facetell.errors import MissingExtra
from facetell.evaluate.metrics import Interval, auc_with_interval
from facetell.evaluate.score import Score, judged, log_odds_of
from facetell.types import FloatArray, Status

try:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
except ImportError as error:
    raise MissingExtra("scikit-learn", "train") from error


@dataclass(frozen=True)
class JudgedClip:
    """A labelled clip and what was said of it."""

    sample: Sample
    report: Report

    @property
    def tracks(self) -> list[TrackReport]:
        """Those with looks enough for a verdict, the most suspicious one first."""
        tracks = self.report.clip.tracks if self.report.clip else []
        return [track for track in tracks if track.looks >= MIN_LOOKS]


def judge_clips(samples: Sequence[Sample], detector: Detector) -> Iterator[JudgedClip]:
    """One after the other; the detector's threads serve each."""
    for sample in samples:
        yield JudgedClip(sample, detector.analyze(sample.path))


def frame_log_odds(track: TrackReport) -> FloatArray:
    """[N] calibrated log-odds of the frames that count."""
    p = np.array([sample.p_fake for sample in track.timeline if sample.used]).clip(1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)), np.float32)


RULES: dict[str, Callable[[TrackReport], float]] = {
    "shipped: trimmed mean of log-odds, shrunk": lambda track: track.log_odds,
    "mean of p_fake": lambda track: float(_used(track).mean()),
    "median of log-odds": lambda track: float(np.median(frame_log_odds(track))),
    "highest p_fake": lambda track: float(_used(track).max()),
}
"""Ways to add up the frames of a track; a clip has the score of its most suspicious track."""


def _used(track: TrackReport) -> FloatArray:
    return np.array([s.p_fake for s in track.timeline if s.used], np.float32)


def flicker(track: TrackReport) -> float:
    """How much the log-odds change from frame to frame, over how much they vary at all."""
    values = frame_log_odds(track)
    return float(np.abs(np.diff(values)).mean() / max(float(values.std()), 1e-6))


def restlessness(track: TrackReport) -> float:
    """How much the log-odds vary."""
    return float(frame_log_odds(track).std())


def jitter(track: TrackReport) -> float:
    """How unevenly the box moves: mean second difference of its middle, in lengths of the face."""
    boxes = np.array([sample.box_xyxy for sample in track.timeline])
    return _unevenness((boxes[:, :2] + boxes[:, 2:]) / 2, boxes)


def breathing(track: TrackReport) -> float:
    """How unevenly the box grows and shrinks, in lengths of the face."""
    boxes = np.array([sample.box_xyxy for sample in track.timeline])
    return _unevenness(boxes[:, 2:] - boxes[:, :2], boxes)


def _unevenness(values: FloatArray, boxes: FloatArray) -> float:
    length = float((boxes[:, 2:] - boxes[:, :2]).max(axis=1).mean())
    return float(np.abs(np.diff(values, n=2, axis=0)).mean()) / length


TEMPORAL_SIGNS: dict[str, Callable[[TrackReport], float]] = {
    "flicker of the evidence": flicker,
    "spread of the evidence": restlessness,
    "jitter of the box": jitter,
    "breathing of the box": breathing,
}


def clip_auc(clips: Sequence[JudgedClip], score: Callable[[TrackReport], float]) -> Interval | None:
    """Of whole clips, each with the highest score of its tracks; those without one are left out."""
    judged = [clip for clip in clips if clip.tracks]
    return _auc(judged, [max(score(track) for track in clip.tracks) for clip in judged])


def track_auc(clips: Sequence[JudgedClip]) -> Interval | None:
    pairs = [(clip, track) for clip in clips for track in clip.tracks]
    return _auc([clip for clip, _ in pairs], [track.log_odds for _, track in pairs])


def frame_auc(clips: Sequence[JudgedClip]) -> Interval | None:
    pairs = [(c, z) for c in clips for t in c.tracks for z in frame_log_odds(t).tolist()]
    return _auc([clip for clip, _ in pairs], [z for _, z in pairs])


def metadata_auc(train: Sequence[JudgedClip], clips: Sequence[JudgedClip]) -> Interval | None:
    """Of a classifier that sees only size, frame rate and bytes a second, trained on `train`; of
    clips that can be read."""
    train, clips = _readable(train), _readable(clips)
    labels = [clip.sample.label for clip in train]
    if len(set(labels)) < 2 or not clips:
        return None
    probe = make_pipeline(StandardScaler(), LogisticRegression())
    probe.fit([_metadata(clip) for clip in train], labels)
    return _auc(clips, probe.decision_function([_metadata(clip) for clip in clips]).tolist())


def _readable(clips: Sequence[JudgedClip]) -> list[JudgedClip]:
    return [clip for clip in clips if clip.report.status is not Status.ERROR]


def _metadata(clip: JudgedClip) -> list[float]:
    width, height = clip.report.size_wh or (1, 1)
    said = clip.report.clip
    seconds = said.watched_s if said and said.watched_s else 1.0
    rate = clip.sample.path.stat().st_size / seconds
    return [*np.log([width, height, rate]).tolist(), said.fps or 0.0 if said else 0.0]


def thinned(track: TrackReport, every: int, rule: ClipCalibration) -> float:
    """What the track would score with one of so many frames."""
    times = np.array([sample.time_s for sample in track.timeline if sample.used])[::every]
    return rule.log_odds(frame_log_odds(track)[::every], len(np.unique(times // LOOK_S)))


def _auc(clips: Sequence[JudgedClip], scores: Sequence[float]) -> Interval | None:
    labels = np.array([clip.sample.label for clip in clips], np.int64)
    groups = [clip.sample.group for clip in clips]
    return auc_with_interval(labels, np.array(scores, np.float64), groups)


def group_auc(scores: Sequence[Score]) -> tuple[int, int, Interval | None]:
    """Of clips known by a few pictures each, such as `video_faces`: the mean log-odds of what
    shares group and label. Returns fakes, reals and the AUC."""
    rows = judged(scores)
    clips = sorted({(score.group, score.label) for score in rows})
    means = [log_odds_of(s for s in rows if (s.group, s.label) == clip).mean() for clip in clips]
    labels = np.array([label for _, label in clips], np.int64)
    value = auc_with_interval(labels, np.array(means, np.float64), [group for group, _ in clips])
    return int(labels.sum()), int((1 - labels).sum()), value
