"""What was measured of clips, as a document."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from facetell.data.manifest import SPLITS
from facetell.detect.analyze import Detector
from facetell.detect.card import ModelCard
from facetell.evaluate.clips import (
    RULES,
    TEMPORAL_SIGNS,
    JudgedClip,
    clip_auc,
    frame_auc,
    group_auc,
    metadata_auc,
    thinned,
    track_auc,
)
from facetell.evaluate.compare import FEW
from facetell.evaluate.metrics import Interval, groups_by_label
from facetell.evaluate.page import markdown_table
from facetell.evaluate.score import Score, auc_of, judged, labels_of
from facetell.evaluate.table import UNDEFINED
from facetell.types import Verdict


def as_markdown(clips: Sequence[JudgedClip], pictures: Sequence[Score], detector: Detector) -> str:
    """All of it. pictures: scores of single frames of clips."""
    card = detector.model.card
    by_split = {s: [clip for clip in clips if clip.sample.split == s] for s in SPLITS}
    parts = [
        f"# {card.name} {card.version} on clips",
        f"Model `{detector.model.sha256[:16]}`, {detector.options.sampling.fps:g} frames a second. "
        f"AUC with 95 % interval by a bootstrap over groups. {_worth(clips, card)}",
        f"Aggregation: slope {card.clips.slope:.2f}, intercept {card.clips.intercept:.2f}, noise "
        f"{card.clips.noise:.2f} ({card.clips.fitted_on or 'not fitted: the defaults'}).",
    ]
    for split, part in by_split.items():
        metadata = None if split == "train" else metadata_auc(by_split["train"], part)
        parts += _split_section(split, part, metadata)
    for split in ("val", "test"):
        parts += _picture_section(split, [score for score in pictures if score.split == split])
    chosen_on = [clip for clip in clips if clip.sample.split != "test"]
    if chosen_on:
        parts += [
            "## Ways to add up frames, clips of train and val",
            markdown_table(
                ("rule", "AUC [95 %]"),
                ((name, _said(clip_auc(chosen_on, rule))) for name, rule in RULES.items()),
            ),
            "## Fewer frames, clips of train and val",
            _fewer_frames(chosen_on, detector),
            "## Temporal signs, clips of train and val",
            _temporal_signs(by_split),
        ]
    return "\n\n".join(parts) + "\n"


def _worth(clips: Sequence[JudgedClip], card: ModelCard) -> str:
    """What is known of how far these clips can be believed."""
    samples = [clip.sample for clip in clips]
    labels = np.array([sample.label for sample in samples], np.int64)
    groups = groups_by_label(labels, [sample.group for sample in samples])
    few = min(groups) < FEW
    learnt = sorted({s.source for s in samples if s.source in card.trained_on})
    met = (
        f"The model's card counts what it learnt by source, {', '.join(learnt)} among them."
        if learnt
        else "The model's card counts what it learnt by source, none of these clips' among them; "
        "that it learnt from the same clips or people under another name, it does not rule out."
    )
    rough = "{} real and {} fake groups support no more than a rough answer: read the intervals. "
    return (rough.format(*groups) if few else "") + met


def _said(auc: Interval | None) -> str:
    return UNDEFINED if auc is None else str(auc)


def _split_section(split: str, clips: Sequence[JudgedClip], metadata: Interval | None) -> list[str]:
    if not clips:
        return []
    no_metadata = "trained on" if split == "train" else "no clips of train to learn from"
    aucs = (
        ("frames", _said(frame_auc(clips))),
        ("tracks", _said(track_auc(clips))),
        ("clips", _said(clip_auc(clips, lambda track: track.log_odds))),
        ("clips, by size, frame rate and bytes a second only", str(metadata or no_metadata)),
    )
    head = "clips", "n", "called real", "uncertain", "called fake", "no face, error"
    rows = []
    for label, name in ((0, "real"), (1, "fake")):
        words = [clip.report.verdict for clip in clips if clip.sample.label == label]
        counts = [words.count(v) for v in (Verdict.REAL, Verdict.UNCERTAIN, Verdict.FAKE)]
        rows.append([name, *map(str, (len(words), *counts, len(words) - sum(counts)))])
    tables = markdown_table(("of", "AUC [95 %]"), aucs), markdown_table(head, rows)
    return [f"## {split}", *tables]


def _picture_section(split: str, scores: Sequence[Score]) -> list[str]:
    if not scores:
        return []
    rows = judged(scores)
    labels = labels_of(rows)
    fakes, reals, groups = group_auc(scores)
    table = markdown_table(
        ("of", "fakes / reals", "AUC [95 %]"),
        (
            ("pictures", f"{labels.sum()} / {(1 - labels).sum()}", _said(auc_of(rows))),
            ("clips: mean of the log-odds", f"{fakes} / {reals}", _said(groups)),
        ),
    )
    return [f"## Clips known by two pictures each, {split}", table]


def _fewer_frames(clips: Sequence[JudgedClip], detector: Detector) -> str:
    """What fewer frames a second would cost."""
    rule, fps = detector.model.card.clips, detector.options.sampling.fps or 0.0
    tracks = [track for clip in clips for track in clip.tracks]
    rows = []
    for every in (1, 2, 4, 8):
        moved = [thinned(track, every, rule) - track.log_odds for track in tracks]
        rms = float(np.sqrt(np.mean(np.square(moved)))) if moved else 0.0
        found = clip_auc(clips, partial(thinned, every=every, rule=rule))
        rows.append([f"{fps / every:g}", _said(found), f"{rms:.2f}"])
    head = "frames a second", "AUC [95 %]", "log-odds of a track change by, rms"
    return markdown_table(head, rows)


def _temporal_signs(by_split: Mapping[str, Sequence[JudgedClip]]) -> str:
    rows = (
        [name, *(_said(clip_auc(by_split[split], sign)) for split in ("train", "val"))]
        for name, sign in TEMPORAL_SIGNS.items()
    )
    return markdown_table(("sign alone", "train", "val"), rows)
