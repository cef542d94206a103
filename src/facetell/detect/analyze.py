"""From a file to its report. Read this file first: it shows the whole way.

media -> picture -> faces -> crops -> logits + evidence -> p_fake -> verdict -> Report
A clip is a stream of pictures, and between p_fake and verdict come tracks and segments.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from facetell.detect.card import withstands_not
from facetell.detect.clip import Watched, warnings_of
from facetell.detect.faces import FINDERS, FaceFinder
from facetell.detect.frames import (
    INTERRUPTED,
    NO_FRAME_AFTER,
    NO_FRAME_THERE,
    USUAL_FPS,
    Clip,
    at,
    wanted_frames,
)
from facetell.detect.heap import give_back
from facetell.detect.judge import find_quickly, judge_faces, largest
from facetell.detect.media import MAX_PIXELS, media_kind
from facetell.detect.model import Model
from facetell.detect.reading import open_media
from facetell.detect.report import LIMITS_OF_THE_CLAIM, FaceReport, ModelInfo, Report, Timings
from facetell.detect.scan import scan
from facetell.detect.session import DEFAULT_MODEL
from facetell.errors import MediaError
from facetell.types import BY_DEFAULT, Frame, Kind, Picture, Sampling, Status, Verdict

FRAMES_AHEAD = 2
"""Frames in work or waiting per thread: a few, for one of 8K takes 25 MB."""
OnProgress = Callable[[float, float | None], None]
"""Takes seconds of a clip that were watched, and how many there are (None: nobody knows)."""


def ignore(watched_s: float, duration_s: float | None) -> None:
    """Nobody wants to know the progress."""


@dataclass(frozen=True)
class Options:
    """How to judge.

    finder: a name in `FINDERS`; "whole" judges the picture as one crop.
    max_faces, max_faces_in_clips: the largest faces of a picture, or of a frame, are judged, and a
        warning tells of the rest.
    sampling: which frames of a clip are judged. timeout_s: a clip is judged as far as one gets in
        so many seconds. max_pixels: larger pictures are refused; see `read_picture`.
    """

    finder: str = "facetell"
    max_faces: int = 50
    max_faces_in_clips: int = 8
    sampling: Sampling = BY_DEFAULT
    timeout_s: float | None = None
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Detector:
    """A model and a face finder, opened once and used for many files (from several threads,
    too). threads: of the processor, for one file: frames of a clip are judged side by side. stop:
    once it is set, clips under way end where they are; their reports say so."""

    model: Model
    finder: FaceFinder
    options: Options = Options()
    threads: int = 1
    stop: Event = field(default_factory=Event, compare=False)

    @classmethod
    def load(
        cls,
        model: str | Path = DEFAULT_MODEL,
        options: Options = Options(),
        threads: int = 1,
    ) -> "Detector":
        """Open a model file; by default the one inside the package.

        Raises ModelError when the model file cannot be used.
        """
        detector = cls(Model.load(Path(model)), FINDERS[options.finder](), options, threads)
        give_back()
        return detector

    def analyze(self, source: str | Path, on_progress: OnProgress = ignore) -> Report:
        """Judge one file; see `analyze`."""
        return analyze(source, self, on_progress)


class Stopwatch:
    """How long each step took; a lap ends a step."""

    def __init__(self) -> None:
        self._started = self._lap = time.perf_counter()
        self._seconds: dict[str, float] = {}

    def lap(self, step: str) -> None:
        """step: a field of Timings; a step may come again and again."""
        now = time.perf_counter()
        self._seconds[step] = self._seconds.get(step, 0.0) + now - self._lap
        self._lap = now

    def add(self, other: "Stopwatch") -> None:
        """Count the steps of another one, which ran beside this one."""
        for step, taken in other._seconds.items():
            self._seconds[step] = self._seconds.get(step, 0.0) + taken

    def timings(self) -> Timings:
        milliseconds = {step: round(1000 * taken, 1) for step, taken in self._seconds.items()}
        total = round(1000 * (time.perf_counter() - self._started), 1)
        return Timings(**milliseconds | {"total": total})


def analyze(source: str | Path, detector: Detector, on_progress: OnProgress = ignore) -> Report:
    """Judge the faces in one picture or clip.

    on_progress: called with seconds of a clip that were watched, and how many there are.

    Always returns a report: a file that cannot be read has status `error`, one without a face
    `no_face`, both with the reason and without a score.
    """
    path, watch, options = Path(source), Stopwatch(), detector.options
    try:
        with open_media(path, detector.threads, options.timeout_s, options.max_pixels) as media:
            watch.lap("read")
            if isinstance(media, Picture):
                return analyze_picture(media, path, detector, watch)
            return analyze_clip(media, path, detector, watch, on_progress)
    except MediaError as error:
        return _report(path, detector, watch, _kind_of(path), Status.ERROR, reason=str(error))


def analyze_picture(
    picture: Picture, path: Path, detector: Detector, watch: Stopwatch | None = None
) -> Report:
    """Judge a picture already decoded; `path` is only what the report calls it.

    watch: started when its reading began, for the timings.
    """
    watch = watch or Stopwatch()
    found = detector.finder.find_faces(picture.image)
    watch.lap("faces")
    chosen = largest(found, detector.options.max_faces)
    faces = judge_faces(picture, chosen, detector.model)
    watch.lap("model")
    facts = {"format": picture.format, "size_wh": picture.size_wh}
    if not faces:
        reason = "no face found in the picture"
        return _report(path, detector, watch, Kind.IMAGE, Status.NO_FACE, reason=reason, **facts)
    worst = faces[0]
    warnings = list(worst.warnings)
    if len(chosen) < len(found):
        warnings.append(f"only the {len(chosen)} largest of {len(found)} faces were judged")
    if picture.frames > 1:
        warnings.append("animated or multi-page: only the first frame was judged")
    return _report(
        path,
        detector,
        watch,
        Kind.IMAGE,
        Status.OK,
        reason=_why_uncertain(worst) if worst.verdict is Verdict.UNCERTAIN else None,
        verdict=worst.verdict,
        p_fake=worst.p_fake,
        faces=faces,
        warnings=warnings,
        **facts,
    )


def analyze_clip(
    clip: Clip,
    path: Path,
    detector: Detector,
    watch: Stopwatch | None = None,
    on_progress: OnProgress = ignore,
) -> Report:
    """Judge a clip opened for reading, frame by frame; see `analyze`.

    Raises MediaError when not one frame of it can be read.
    """
    watch, options = watch or Stopwatch(), detector.options
    watched = Watched(detector.model.card, clip.facts, options.sampling)
    a_second = max(1, round(options.sampling.fps or clip.facts.fps or USUAL_FPS))
    quickly = partial(find_quickly, detector.finder)

    def judge(numbered: tuple[int, Frame]) -> tuple[Frame, list[FaceReport], int, Stopwatch]:
        number, frame = numbered
        beside = Stopwatch()
        # Small faces are looked for once a second, for they are costly to find in large frames.
        find = detector.finder.find_faces if number % a_second == 0 else quickly
        found = find(frame.picture.image)
        beside.lap("faces")
        chosen = largest(found, options.max_faces_in_clips)
        faces = judge_faces(frame.picture, chosen, detector.model)
        beside.lap("model")
        return frame, faces, len(found), beside

    frames = enumerate(wanted_frames(clip, options.sampling))
    for frame, faces, found, beside in scan(frames, judge, detector.threads, FRAMES_AHEAD):
        watched.add(frame, faces, found)
        watch.add(beside)
        on_progress(frame.time_s, clip.facts.duration_s)
        if detector.stop.is_set():
            clip.losses.broken_off = INTERRUPTED
            break
    if not watched.frames:
        raise _unwatched(clip, options)
    said = watched.report(clip.losses)
    warnings = warnings_of(said, clip.losses)
    if watched.left_out:
        most = options.max_faces_in_clips
        warnings.append(f"only the {most} largest faces of a frame were judged")
    facts = {"format": clip.facts.format, "size_wh": watched.size_wh, "clip": said}
    if not said.tracks:
        one = watched.frames == 1
        many = "1 frame that was" if one else f"{watched.frames} frames that were"
        reason = f"no face found in the {many} looked at"
        return _report(
            path,
            detector,
            watch,
            Kind.VIDEO,
            Status.NO_FACE,
            reason=reason,
            warnings=warnings,
            **facts,
        )
    worst = said.tracks[0]
    return _report(
        path,
        detector,
        watch,
        Kind.VIDEO,
        Status.OK,
        reason=worst.reason,
        verdict=worst.verdict,
        p_fake=worst.p_fake,
        warnings=[*worst.warnings, *warnings],
        **facts,
    )


def judge_moment(
    source: str | Path, time_s: float, detector: Detector
) -> tuple[Picture, list[FaceReport]]:
    """The first frame of a clip at or after a time, and its faces with their evidence, the most
    suspicious first; the smallest ones, too.

    Raises MediaError when the file holds no such frame.
    """
    with open_media(Path(source), detector.threads) as clip:
        if not isinstance(clip, Picture):
            for frame in clip.frames(at([time_s])):
                found = largest(
                    detector.finder.find_faces(frame.picture.image),
                    detector.options.max_faces_in_clips,
                )
                return frame.picture, judge_faces(frame.picture, found, detector.model)
    raise MediaError(f"it has no frame at {time_s:g} s", hint="choose an earlier moment of a clip")


def _unwatched(clip: Clip, options: Options) -> MediaError:
    start_s, losses = options.sampling.start_s, clip.losses
    if losses.stopped:
        damaged = f"; {losses.damaged} damaged ones were left out" if losses.damaged else ""
        return MediaError(
            f"{NO_FRAME_THERE}{damaged}", hint="name another --start, --end or --max-seconds"
        )
    if start_s and not losses.broken_off:
        return MediaError(f"{NO_FRAME_AFTER} {start_s:g} s", hint="name an earlier --start")
    return MediaError(
        f"not one frame of it can be read: {losses.broken_off or 'all are damaged'}",
        hint="copy or download it again, or give it more time with --timeout",
    )


def _why_uncertain(face: FaceReport) -> str:
    if face.warnings:
        return f"the signs do not suffice either way; {'; '.join(face.warnings)}"
    return "the signs do not suffice either way"


def _report(
    path: Path, detector: Detector, watch: Stopwatch, kind: Kind, status: Status, **said: Any
) -> Report:
    """said: what else there is to say, by the names of Report's fields."""
    return Report(
        path=str(path),
        kind=kind,
        status=status,
        model=model_info(detector),
        limits=limits_of(detector),
        timings_ms=watch.timings(),
        **said,
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
    """What a score of this detector does not mean: the model's own limits, what it was measured not
    to withstand, then the limits of all."""
    card = detector.model.card
    return *card.limits, *withstands_not(card.robustness), *LIMITS_OF_THE_CLAIM
