"""One progress bar for all commands: done, rate, time left; silent where nobody watches."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Advance(Protocol):
    """Takes how many are done, and what else to say."""

    def __call__(self, done: int, note: str = "") -> None: ...


@contextmanager
def progress_bar(what: str, total: int, console: Console | None = None) -> Iterator[Advance]:
    """Yields a function that takes how many of `total` are done."""
    with _bars(console, hidden=total < 2) as progress:
        task = progress.add_task(what, total=total, count=f"0/{total}", rate="", note="")

        def update(done: int, note: str = "") -> None:
            rate = _rate(progress, task, "{:.1f}/s")
            progress.update(task, completed=done, count=f"{done}/{total}", rate=rate, note=note)

        yield update


class FilesAndClips:
    """The files done and, once a clip is among them, how many seconds of clips were watched."""

    def __init__(self, progress: Progress, files: int) -> None:
        self.progress = progress
        self._files = progress.add_task(
            "judging", total=files, count=f"0/{files}", rate="", note="", visible=files > 1
        )
        self._total = files
        self._clips: TaskID | None = None
        self._seconds: dict[Hashable, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def done(self, files: int) -> None:
        rate = _rate(self.progress, self._files, "{:.1f}/s")
        self.progress.update(
            self._files, completed=files, count=f"{files}/{self._total}", rate=rate
        )

    def watched(self, clip: Hashable, watched_s: float, duration_s: float | None) -> None:
        """From any thread: how far a clip was watched, and how long it is."""
        with self._lock:
            self._seconds[clip] = watched_s, max(watched_s, duration_s or 0.0)
            watched, whole = (sum(column) for column in zip(*self._seconds.values(), strict=True))
            if self._clips is None:
                self._clips = self.progress.add_task("clips", count="", rate="", note="")
            self.progress.update(
                self._clips,
                completed=watched,
                total=whole,
                count=f"{watched:.0f}/{whole:.0f} s",
                rate=_rate(self.progress, self._clips, "{:.1f} x as fast as played"),
            )


@contextmanager
def files_and_clips(files: int, console: Console) -> Iterator[FilesAndClips]:
    """A bar for files; under it one for the seconds of clips."""
    with _bars(console) as progress:
        yield FilesAndClips(progress, files)


def _bars(console: Console | None, hidden: bool = False) -> Progress:
    watcher = console if console is not None and console.is_terminal else Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=watcher,
        transient=True,
        disable=hidden or not watcher.is_terminal,
    )


def _rate(progress: Progress, task: TaskID, text: str) -> str:
    speed = next(t.speed for t in progress.tasks if t.id == task)
    return text.format(speed) if speed else ""
