"""Open whatever a file holds: one picture, or a clip."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from facetell.detect.animation import MOVING, open_animation
from facetell.detect.frames import Clip, at
from facetell.detect.media import media_kind, read_picture
from facetell.types import Frame, Kind, Picture


@contextmanager
def open_media(
    path: Path, threads: int = 1, timeout_s: float | None = None
) -> Iterator[Picture | Clip]:
    """A picture already read, or a clip ready to be read.

    threads: processor threads for decoding. timeout_s: a clip's frames end after so many seconds.
    Raises MediaError when the file holds neither.
    """
    deadline = time.monotonic() + (float("inf") if timeout_s is None else timeout_s)
    if media_kind(path) is Kind.IMAGE:
        picture = read_picture(path)
        if picture.frames == 1 or picture.format not in MOVING:
            yield picture
            return
        with open_animation(path, picture.format, deadline) as animation:
            yield animation
        return
    from facetell.detect.video import open_video  # PyAV is loaded for the first clip only

    with open_video(path, threads, deadline) as video:
        yield video


def read_frames(path: Path, times_s: Iterable[float]) -> Iterator[Frame]:
    """The frames of a clip at given times, in order of time. Raises MediaError."""
    with open_media(path) as clip:
        if not isinstance(clip, Picture):
            yield from clip.frames(at(times_s))
