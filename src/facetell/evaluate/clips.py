"""Measure the judging of clips: frames, tracks and whole clips, by rules and by temporal signs.

Clips are few and their frames much alike, so every number has its interval, drawn by group.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from facetell.data.manifest import SPLITS, Sample
from facetell.detect.aggregate import LOOK_S, MIN_LOOKS
from facetell.detect.analyze import Detector
from facetell.detect.calibrate import ClipCalibration, trimmed_mean
from facetell.detect.report import Report, TrackReport
from facetell.errors import DataError, MissingExtra
from facetell.evaluate.calibration import fit_clip_calibration
from facetell.evaluate.metrics import Interval, auc_with_interval
from facetell.evaluate.score import Score, auc_of, judged, labels_of, log_odds_of
from facetell.types import FloatArray, Status, Verdict

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


def as_markdown(clips: Sequence[JudgedClip], pictures: Sequence[Score], detector: Detector) -> str:
    """All of it as a document. pictures: scores of single frames of clips."""
    card = detector.model.card
    lines = [
        f"# {card.name} {card.version} on clips",
        "",
        f"Model `{detector.model.sha256[:16]}`, {detector.options.sampling.fps:g} frames a second. "
        "AUC with 95 % interval by a bootstrap over groups. So few clips support no more than a "
        "rough answer: read the intervals. `train` shared groups with what the model learnt from.",
        "",
        f"Aggregation: slope {card.clips.slope:.2f}, intercept {card.clips.intercept:.2f}, noise "
        f"{card.clips.noise:.2f} ({card.clips.fitted_on or 'not fitted: the defaults'}).",
    ]
    parts = {s: [clip for clip in clips if clip.sample.split == s] for s in SPLITS}
    for split, part in parts.items():
        metadata = None if split == "train" else metadata_auc(parts["train"], part)
        lines += _split_section(split, part, metadata)
    for split in ("val", "test"):
        lines += _picture_rows(split, [score for score in pictures if score.split == split])
    chosen_on = [clip for clip in clips if clip.sample.split != "test"]
    if not chosen_on:
        return "\n".join(lines) + "\n"
    lines += ["", "## Ways to add up frames, clips of train and val", "", "| rule | AUC [95 %] |"]
    lines += ["| --- | --- |"]
    lines += [f"| {name} | {clip_auc(chosen_on, rule)} |" for name, rule in RULES.items()]
    lines += _fewer_frames(chosen_on, detector)
    lines += ["", "## Temporal signs, clips of train and val", "", "| sign alone | train | val |"]
    lines += ["| --- | --- | --- |"]
    for name, sign in TEMPORAL_SIGNS.items():
        both = (clip_auc(parts[split], sign) for split in ("train", "val"))
        lines.append(f"| {name} | {' | '.join(map(str, both))} |")
    return "\n".join(lines) + "\n"


def _fewer_frames(clips: Sequence[JudgedClip], detector: Detector) -> list[str]:
    """What fewer frames a second would cost."""
    rule, fps = detector.model.card.clips, detector.options.sampling.fps or 0.0
    tracks = [track for clip in clips for track in clip.tracks]
    lines = ["", "## Fewer frames, clips of train and val", ""]
    lines += ["| frames a second | AUC [95 %] | log-odds of a track change by, rms |"]
    lines += ["| --- | --- | --- |"]
    for every in (1, 2, 4, 8):
        moved = [thinned(track, every, rule) - track.log_odds for track in tracks]
        score = partial(thinned, every=every, rule=rule)
        rms = float(np.sqrt(np.mean(np.square(moved)))) if moved else 0.0
        lines.append(f"| {fps / every:g} | {clip_auc(clips, score)} | {rms:.2f} |")
    return lines


def _split_section(split: str, clips: Sequence[JudgedClip], metadata: Interval | None) -> list[str]:
    if not clips:
        return []
    said = [(clip.sample.label, clip.report.verdict or clip.report.status) for clip in clips]
    no_metadata = "trained on" if split == "train" else "no clips of train to learn from"
    lines = ["", f"## {split}", "", "| of | AUC [95 %] |", "| --- | --- |"]
    lines += [
        f"| frames | {frame_auc(clips)} |",
        f"| tracks | {track_auc(clips)} |",
        f"| clips | {clip_auc(clips, RULES[next(iter(RULES))])} |",
        f"| clips, by size, frame rate and bytes a second only | {metadata or no_metadata} |",
        "",
        "| clips | n | called real | unsure | called fake | no face, error |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for label, name in ((0, "real"), (1, "fake")):
        words = [word for known, word in said if known == label]
        counts = [words.count(v) for v in (Verdict.REAL, Verdict.UNCERTAIN, Verdict.FAKE)]
        numbers = " | ".join(map(str, [*counts, len(words) - sum(counts)]))
        lines.append(f"| {name} | {len(words)} | {numbers} |")
    return lines


def _picture_rows(split: str, scores: Sequence[Score]) -> list[str]:
    if not scores:
        return []
    rows = judged(scores)
    labels = labels_of(rows)
    fakes, reals, groups = group_auc(scores)
    return [
        "",
        f"## Clips known by two pictures each, {split}",
        "",
        "| of | fakes / reals | AUC [95 %] |",
        "| --- | --- | --- |",
        f"| pictures | {int(labels.sum())} / {int((1 - labels).sum())} | {auc_of(rows)} |",
        f"| clips: mean of the log-odds | {fakes} / {reals} | {groups} |",
    ]


def one_source(samples: Sequence[Sample], source: str) -> list[Sample]:
    """The pictures of `val` and `test` that lie in a folder of that name."""
    return [s for s in samples if source in Path(s.path).parts and s.split != "train"]
