"""Where things lie on the time line of a clip: curves, segments and boxes between samples."""

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from facetell.detect.draw import Mark
from facetell.detect.report import ClipReport, TrackReport
from facetell.types import BoxXYXY

BINS = 500
"""Points of a curve at most: a clip of hours is drawn with as many as one of a minute."""
LEAST_GAP_S = 1.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Span:
    """The part of a clip that is drawn, in seconds."""

    start_s: float
    end_s: float

    def at(self, time_s: float) -> float:
        """Where a time lies: 0 at the start, 1 at the end."""
        return min(1.0, max(0.0, (time_s - self.start_s) / max(self.end_s - self.start_s, 1e-6)))


def span_of(clip: ClipReport) -> Span:
    """From where to where it was watched."""
    start_s, end_s = clip.sampling.start_s, clip.watched_to_s
    if end_s is None:  # too early where the pictures pause or begin late
        end_s = start_s + clip.watched_s
    return Span(start_s, max([end_s, *(track.end_s for track in clip.tracks)]))


def height(p_fake: float) -> float:
    """Where p_fake is drawn, 0 at the bottom and 1 at the top: by its log-odds, for a threshold may
    lie near 1; with room for a line at either edge."""
    p = min(max(p_fake, 0.001), 0.999)
    return 0.5 + math.log(p / (1 - p)) / 15


def gap_s(clip: ClipReport) -> float:
    """A face not seen for longer was away."""
    return max(LEAST_GAP_S, 3 * clip.watched_s / clip.frames_judged)


def curves(track: TrackReport, span: Span, gap: float) -> list[list[Point]]:
    """p_fake over time, as far as it counts: lines of (0..1 along the span, p_fake), interrupted
    where the face was away for longer than `gap` seconds."""
    used = [sample for sample in track.timeline if sample.used]
    if not used:
        return []
    times = np.array([sample.time_s for sample in used])
    p_fake = np.array([sample.p_fake for sample in used])
    which = (np.array([span.at(time) for time in times]) * BINS).astype(int)
    starts = np.flatnonzero(np.diff(which, prepend=-1))
    lines: list[list[Point]] = []
    last_s = -np.inf
    for first, end in zip(starts, [*starts[1:], len(used)], strict=True):
        if times[first] - last_s > gap:
            lines.append([])
        time_s = float(times[first:end].mean())
        lines[-1].append((span.at(time_s), float(p_fake[first:end].mean())))
        last_s = times[end - 1]
    return lines


def marks_at(clip: ClipReport, time_s: float) -> list[Mark]:
    """The boxes of all tracks at a time, each with its number and p_fake there."""
    several, gap = len(clip.tracks) > 1, gap_s(clip)
    marks = []
    for track in clip.tracks:
        found = _box_at(track, time_s, gap)
        if found is None:
            continue
        last_s = track.timeline[-1].time_s
        if time_s > last_s and any(last_s < cut_s <= last_s + gap for cut_s in clip.cuts_s):
            continue  # the next scene may have begun: cuts are known by the frames judged
        box, p_fake = found
        tag = f"{track.id}: {p_fake:.2f}" if several else f"{p_fake:.2f}"
        marks.append(Mark(box, track.verdict, tag))
    return marks


def _box_at(track: TrackReport, time_s: float, gap: float) -> tuple[BoxXYXY, float] | None:
    """Box and p_fake; between two samples they move in a straight line, and while the face is away
    there are none."""
    if not track.start_s <= time_s < track.end_s:
        return None
    after = bisect_right(track.timeline, time_s, key=lambda sample: sample.time_s)
    before = track.timeline[max(0, after - 1)]
    following = track.timeline[min(after, len(track.timeline) - 1)]
    apart, since = following.time_s - before.time_s, time_s - before.time_s
    if apart > gap:
        return (before.box_xyxy, before.p_fake) if since <= LEAST_GAP_S / 2 else None
    share = since / apart if apart > 0 else 0.0
    x0, y0, x1, y1 = (
        a + share * (b - a) for a, b in zip(before.box_xyxy, following.box_xyxy, strict=True)
    )
    return (x0, y0, x1, y1), before.p_fake + share * (following.p_fake - before.p_fake)
