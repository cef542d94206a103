"""Open whatever a file holds: one picture, or a clip."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facetell.detect.animation import MOVING, open_animation
from facetell.detect.frames import DUST_S, Clip, at, is_sparse
from facetell.detect.media import MAX_PIXELS, media_kind, read_picture
from facetell.detect.report import FaceReport, Report
from facetell.errors import MediaError
from facetell.types import Kind, Picture


@contextmanager
def open_media(
    path: Path,
    threads: int = 1,
    timeout_s: float | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[Picture | Clip]:
    """A picture already read, or a clip ready to be read.

    threads: processor threads for decoding. timeout_s: a clip's frames end after so many seconds.
    max_pixels: see `read_picture`.
    Raises MediaError when the file holds neither.
    """
    deadline = time.monotonic() + (float("inf") if timeout_s is None else timeout_s)
    if media_kind(path) is Kind.IMAGE:
        picture = read_picture(path, max_pixels=max_pixels)
        if picture.frames == 1 or picture.format not in MOVING:
            yield picture
            return
        with open_animation(path, picture.format, deadline) as animation:
            yield animation
        return
    from facetell.detect.video import open_video  # PyAV is loaded for the first clip only

    with open_video(path, threads, deadline) as video:
        yield video


@contextmanager
def open_clip_again(path: Path) -> Iterator[Clip]:
    """A clip that was judged before. Raises MediaError when it is gone, or none any more."""
    with open_media(path) as media:
        if isinstance(media, Picture):
            raise MediaError("it is no clip any more", hint="judge it again")
        yield media


def look_again(report: Report) -> Iterator[tuple[Picture, list[FaceReport]]]:
    """The picture of a report, or the frames that it shows of a clip, read from where the file
    lies, each with its faces.

    Raises MediaError when the file is gone or changed.
    """
    path = Path(report.path)
    if report.clip is None:
        yield read_picture(path), report.faces
        return
    shown = report.shown
    times = [face.time_s for face in shown if face.time_s is not None]
    with open_clip_again(path) as clip:
        for frame in clip.frames(at(times), is_sparse(report.clip.sampling)):
            faces = [face for face in shown if abs(frame.time_s - (face.time_s or 0)) <= DUST_S]
            if faces:
                yield frame.picture, faces
