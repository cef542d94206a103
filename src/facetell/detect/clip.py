"""Collect what is seen in a clip, frame by frame, and sum it up; see `analyze.analyze_clip`."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from facetell.detect.aggregate import MIN_LOOKS, is_clear, summarise_track
from facetell.detect.align import scale_box
from facetell.detect.card import ModelCard
from facetell.detect.frames import USUAL_FPS, ClipFacts, Losses, last_s
from facetell.detect.report import ClipReport, FaceReport, TimelineSample, TrackReport
from facetell.detect.tracks import Tracker
from facetell.types import FloatArray, Frame, Sampling, Verdict

TELLING_S = 2.0
"""The most suspicious face of each such span of a track is kept with its evidence while watching,
so that memory grows by little however long a clip is."""


@dataclass
class _Collected:
    """What was seen of one face so far.

    telling: by number of the span (TELLING_S), whether it is used, its log-odds, and the face.
    """

    samples: list[TimelineSample] = field(default_factory=list)
    log_odds: list[float] = field(default_factory=list)
    telling: dict[int, tuple[bool, float, FaceReport]] = field(default_factory=dict)


class Watched:
    """What was seen in a clip so far.

    size_wh: of its first upright frame. left_out: whether a frame had faces that were not judged.
    """

    def __init__(self, card: ModelCard, facts: ClipFacts, sampling: Sampling) -> None:
        self._card = card
        self._facts = facts
        self._sampling = sampling
        self._step_s = 1 / (sampling.fps or facts.fps or USUAL_FPS)
        self._tracker = Tracker(self._step_s)
        self._tracks: defaultdict[int, _Collected] = defaultdict(_Collected)
        self._times: list[float] = []
        self._clear: list[bool] = []
        self._cuts_s: list[float] = []
        self._shape: tuple[int, ...] = ()
        self.size_wh: tuple[int, int] | None = None
        self.left_out = False

    @property
    def frames(self) -> int:
        return len(self._times)

    def add(self, frame: Frame, faces: Sequence[FaceReport], found: int) -> None:
        """faces: those of the frame that were judged; found: how many there are."""
        self.left_out |= len(faces) < found
        picture = frame.picture
        self.size_wh = self.size_wh or picture.size_wh
        resized = picture.image.shape != self._shape
        self._shape = picture.image.shape
        if (frame.after_cut or resized) and self._times:
            self._tracker.cut()
            self._cuts_s.append(round(frame.time_s, 3))
        boxes = [scale_box(face.box_xyxy, 1 / picture.scale) for face in faces]
        seen = self._tracker.follow(frame.time_s, picture.image, boxes)
        clear = [is_clear(face, self._card.smallest_face_px) for face in faces]
        for face, who, is_seen in zip(faces, seen, clear, strict=True):
            used = is_seen and not who.repeats
            timed = face.model_copy(update={"time_s": round(frame.time_s, 3)})
            self._collect(self._tracks[who.track], frame.time_s, timed, used)
        self._times.append(frame.time_s)
        self._clear.append(any(clear))

    def _collect(self, track: _Collected, time_s: float, face: FaceReport, used: bool) -> None:
        track.samples.append(
            TimelineSample(
                time_s=round(time_s, 3),
                box_xyxy=face.box_xyxy,
                p_fake=face.p_fake,
                quality=face.quality,
                used=used,
            )
        )
        track.log_odds.append(face.log_odds)
        span = int(time_s // TELLING_S)
        kept = track.telling.get(span)
        if kept is None or (used, face.log_odds) > kept[:2]:
            track.telling[span] = (used, face.log_odds, face)

    def report(self, losses: Losses) -> ClipReport:
        """Sum up one frame or more. losses: what it cost to read the clip."""
        step_s, end_s = self._usual_step_s, self._end_s
        tracks = most_suspicious_first(
            self._summarised(number, track, step_s, end_s) for number, track in self._tracks.items()
        )
        stands_for = self._stands_for()
        return ClipReport(
            duration_s=self._facts.duration_s,
            fps=self._facts.fps,
            codec=self._facts.codec,
            sampling=self._sampling,
            frames_judged=len(self._times),
            watched_s=round(float(stands_for.sum()), 3),
            judged_s=round(float(stands_for[self._clear].sum()), 3),
            complete=losses.broken_off is None,
            cuts_s=self._cuts_s,
            tracks=tracks,
            watched_to_s=round(end_s, 3),
        )

    @property
    def _usual_step_s(self) -> float:
        """A slow clip has fewer frames than are asked for."""
        steps = np.diff(self._times)
        return max(self._step_s, float(np.median(steps))) if len(steps) else self._step_s

    @property
    def _end_s(self) -> float:
        """When the last frame ends, at the latest with the clip; some lie about their length."""
        last_s = self._times[-1]
        length_s = self._facts.duration_s or 0.0
        return min(last_s + self._usual_step_s, length_s if length_s > last_s else float("inf"))

    def _stands_for(self) -> FloatArray:
        """Seconds of the clip for which each frame stands."""
        longest_s = 2 * self._usual_step_s
        return np.diff([*self._times, self._end_s]).clip(0, longest_s).astype(np.float32)

    def _summarised(
        self, number: int, track: _Collected, step_s: float, end_s: float
    ) -> TrackReport:
        return summarise_track(
            number,
            track.samples,
            np.array(track.log_odds, np.float32),
            _most_suspicious(track.telling.values()),
            step_s,
            end_s,
            self._card,
        )


def most_suspicious_first(tracks: Iterable[TrackReport]) -> list[TrackReport]:
    """The first one speaks for the clip. One with fake segments, which is never called real,
    stands before all that are, however low its p_fake; those with too few looks stand last."""
    return sorted(
        tracks, key=lambda t: (t.looks < MIN_LOOKS, t.verdict is Verdict.REAL, -t.log_odds)
    )


def _most_suspicious(kept: Iterable[tuple[bool, float, FaceReport]]) -> list[FaceReport]:
    """Those used, the most suspicious one first; those not used where there are no others."""
    ordered = sorted(kept, key=lambda one: one[:2], reverse=True)
    return [face for used, _, face in ordered if used == ordered[0][0]]


def warnings_of(clip: ClipReport, losses: Losses) -> list[str]:
    """What a reader must know of how much of a clip was judged."""
    found = []
    watched = f"{clip.watched_s:.1f} s"
    if losses.broken_off:
        found.append(f"only {watched} of it could be judged: {losses.broken_off}")
    elif clip.duration_s and clip.duration_s > (stop := last_s(clip.sampling)):
        found.append(f"judged up to {stop:g} s of {clip.duration_s:.1f} s, as was asked")
    elif clip.duration_s is None and losses.stopped:
        stop = last_s(clip.sampling)
        found.append(f"judged up to {stop:g} s, as was asked; how long it is the file does not say")
    if losses.damaged:
        found.append(f"{losses.damaged} damaged frames were left out")
    if losses.estimated:
        found.append(f"the time stamps are broken: {losses.estimated} of them were estimated")
    if clip.tracks and clip.judged_s < 0.5 * clip.watched_s:
        found.append(f"a face could be seen clearly in {clip.judged_s:.1f} of {watched} only")
    return found
