"""Write a clip again with boxes, p_fake and a moving time line."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw

from facetell.detect.draw import VERDICT_RGB, draw_marks
from facetell.detect.evidence import FAKE_RGB, REAL_RGB
from facetell.detect.frames import USUAL_FPS, wanted_frames
from facetell.detect.reading import open_clip_again
from facetell.detect.report import ClipReport, ModelInfo, Report, clock
from facetell.detect.timeline import curves, gap_s, marks_at, span_of
from facetell.detect.video import open_container
from facetell.types import Verdict

MADE_BY = "annotated by facetell"
"""Stands in the file's metadata, so that it may be overwritten and a photographer's never is."""
LEAST_PX, LONGEST_PX = 320, 1280
"""How wide the copy is at least, and how long its longer side may be."""
STRIP_PX, PAD_PX = 96, 10
TRACKS_DRAWN = 4
TIME_BASE = Fraction(1, 1000)
PAPER, INK = (24, 24, 23), (236, 236, 234)
LINE_RGB = VERDICT_RGB | {Verdict.UNCERTAIN: INK}
ENCODERS = ("libx264", "mpeg4")


def annotate(report: Report, out: Path) -> bool:
    """Write `out` (MP4, without sound): the part of the clip that was judged, frame by frame, and
    below it p_fake over time. Returns False, and writes nothing, where that part has no frame.

    Raises MediaError when the clip cannot be read again, OSError when `out` cannot be written.
    """
    assert report.clip is not None
    every = replace(report.clip.sampling, fps=None)
    if not report.clip.complete:  # what lies behind was not looked at: no box means nothing there
        every = replace(every, end_s=span_of(report.clip).end_s)
    strip = None
    try:
        with open_clip_again(Path(report.path)) as clip, _Film(out, report.clip) as film:
            for frame in wanted_frames(clip, every):
                marks = marks_at(report.clip, frame.time_s)
                image = draw_marks(frame.picture, marks, LONGEST_PX)
                strip = strip or _Strip(report.clip, report.model, max(image.width, LEAST_PX))
                film.add(_joined(image, strip.at(frame.time_s)), frame.time_s)
    except av.FFmpegError as error:
        raise OSError(f"the encoder fails: {error}") from error
    return strip is not None


class _Strip:
    """The time line, drawn once; the moving hand is drawn for each frame."""

    def __init__(self, clip: ClipReport, model: ModelInfo, width: int) -> None:
        self._span = span_of(clip)
        self._image = Image.new("RGB", (width, STRIP_PX), PAPER)
        pen = ImageDraw.Draw(self._image)
        for p_fake, colour in ((model.fake_from, FAKE_RGB), (model.real_below, REAL_RGB)):
            pen.line([self._point(0, p_fake), self._point(1, p_fake)], fill=colour)
        for track in clip.tracks[:TRACKS_DRAWN][::-1]:
            for segment in track.segments:
                x0, _ = self._point(self._span.at(segment.start_s), 0)
                x1, _ = self._point(self._span.at(segment.end_s), 0)
                pen.rectangle((x0, PAD_PX, x1, STRIP_PX - PAD_PX), fill=(92, 44, 10))
        for track in clip.tracks[:TRACKS_DRAWN][::-1]:
            colour = LINE_RGB[track.verdict]
            for line in curves(track, self._span, gap_s(clip)):
                pen.line([self._point(x, p) for x, p in line], fill=colour, width=2)

    def _point(self, along: float, p_fake: float) -> tuple[float, float]:
        width, height = self._image.size
        return (
            PAD_PX + along * (width - 2 * PAD_PX),
            PAD_PX + (1 - p_fake) * (height - 2 * PAD_PX),
        )

    def at(self, time_s: float) -> Image.Image:
        image = self._image.copy()
        pen = ImageDraw.Draw(image)
        x, _ = self._point(self._span.at(time_s), 0)
        pen.line([(x, 0), (x, image.height)], fill=INK)
        right = x > image.width - 60
        pen.text((x - 4 if right else x + 4, 1), clock(time_s), fill=INK, font_size=11,
                 anchor="ra" if right else "la")  # fmt: skip
        return image


def _joined(image: Image.Image, strip: Image.Image) -> Image.Image:
    """One above the other, with even sides, which encoders want."""
    width, height = max(image.width, strip.width), image.height + strip.height
    both = Image.new("RGB", (width + width % 2, height + height % 2))
    both.paste(image)
    both.paste(strip, (0, image.height))
    return both


class _Film:
    """An MP4 file being written."""

    def __init__(self, out: Path, clip: ClipReport) -> None:
        self._container = av.open(str(out), "w", format="mp4")
        self._container.metadata["comment"] = MADE_BY
        self._rate = Fraction(clip.fps or USUAL_FPS).limit_denominator(1000)
        self._stream: Any = None
        self._start_s: float | None = None

    def __enter__(self) -> "_Film":
        return self

    def add(self, image: Image.Image, time_s: float) -> None:
        if self._stream is None:
            self._stream = self._open(image.width, image.height)
        size = (self._stream.width, self._stream.height)
        if image.size != size:  # a clip may change its size on the way
            image = image.resize(size)
        frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
        if self._start_s is None:
            self._start_s = time_s  # the film begins where judging began
        frame.pts, frame.time_base = round((time_s - self._start_s) / TIME_BASE), TIME_BASE
        self._container.mux(self._stream.encode(frame))

    def _open(self, width: int, height: int) -> Any:
        name = next(name for name in ENCODERS if name in av.codecs_available)
        stream: Any = self._container.add_stream(name, rate=self._rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = TIME_BASE
        stream.options = {"preset": "veryfast"}
        return stream

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()


def is_ours(path: Path) -> bool:
    """Whether a clip was written by `annotate`."""
    try:
        with path.open("rb") as file, open_container(file) as container:
            return bool(container.metadata.get("comment") == MADE_BY)
    except (av.FFmpegError, OSError):
        return False
