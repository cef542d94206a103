"""What a clip is to whoever judges it: facts, frames when they are due, and what was lost."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from facetell.types import Frame, Sampling

Due = Callable[[float], float | None]
"""Time of the frame given last (below 0 before the first) -> when the next one is wanted."""
DUST_S = 1e-3
"""Times that differ by less are the same: reports round them."""
SPARSE_S = 0.15
"""Where frames are wanted at longer steps, those that no other frame needs are not decoded."""
USUAL_FPS = 25.0
OUT_OF_TIME = "the time allowed for one file was over"
INTERRUPTED = "it was interrupted"
NO_FRAME_AFTER = "it has no frame after"
NO_FRAME_THERE = "it has no frame in the part asked for"


@dataclass(frozen=True)
class ClipFacts:
    """What a clip's file says of itself; duration_s and fps are None where it says nothing.

    format, codec: of the container and of the pictures in it.
    """

    format: str
    codec: str
    duration_s: float | None = None
    fps: float | None = None


@dataclass
class Losses:
    """What went wrong while a clip was read, so far.

    damaged: frames left out, because they cannot be decoded whole. estimated: frames whose time
    stamp makes no sense and was guessed. broken_off: why reading ended before the clip did.
    stopped: reading ended, with more to come, because nothing more was wanted.
    """

    damaged: int = 0
    estimated: int = 0
    broken_off: str | None = None
    stopped: bool = False


class Clip(Protocol):
    """A clip opened for reading, once from its beginning to its end."""

    @property
    def facts(self) -> ClipFacts: ...

    @property
    def losses(self) -> Losses: ...

    def frames(self, due: Due, sparse: bool = False) -> Iterator[Frame]:
        """The first frame at or after each time that is due, in order of time.

        sparse: frames that are cheaply passed over may be left out, so one may come a little later.
        """
        ...


def sampled(sampling: Sampling) -> Due:
    """When the frames of a sampling are due: on a grid from its start, or all of them."""
    start_s, end_s = sampling.start_s, last_s(sampling)
    step_s = 1 / sampling.fps if sampling.fps else 0.0

    def due(time_s: float) -> float | None:
        steps = (time_s - start_s + DUST_S) // step_s + 1 if step_s else 0
        wanted = max(start_s, start_s + steps * step_s - DUST_S / 2, time_s + DUST_S)
        return wanted if wanted < end_s else None

    return due


def wanted_frames(clip: Clip, sampling: Sampling) -> Iterator[Frame]:
    """The frames of a sampling, in order of time."""
    end_s = last_s(sampling)
    for frame in clip.frames(sampled(sampling), is_sparse(sampling)):
        if frame.time_s >= end_s:
            clip.losses.stopped = True
            return
        yield frame


def is_sparse(sampling: Sampling) -> bool:
    """Whether frames that no other one needs may be passed over."""
    return sampling.fps is not None and sampling.fps * SPARSE_S < 1


def last_s(sampling: Sampling) -> float:
    """The time in a clip at which a sampling ends; infinite where the clip's end ends it."""
    stops = (sampling.end_s, sampling.max_s and sampling.start_s + sampling.max_s)
    return min((stop for stop in stops if stop is not None), default=float("inf"))


def at(times_s: Iterable[float]) -> Due:
    """The frames at given times, as a report names them."""
    wanted = sorted(times_s)

    def due(time_s: float) -> float | None:
        return next((s - DUST_S for s in wanted if s > time_s + DUST_S), None)

    return due
