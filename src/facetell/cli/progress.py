"""One progress bar for all commands: done, rate, time left; silent where nobody watches."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Advance(Protocol):
    """Takes how many are done, and what else to say."""

    def __call__(self, done: int, note: str = "") -> None: ...


@contextmanager
def progress_bar(what: str, total: int, console: Console | None = None) -> Iterator[Advance]:
    """Yields a function that takes how many of `total` are done."""
    watcher = console if console is not None and console.is_terminal else Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=watcher,
        transient=True,
        disable=not watcher.is_terminal or total < 2,
    ) as progress:
        task = progress.add_task(what, total=total, rate="", note="")

        def update(done: int, note: str = "") -> None:
            speed = progress.tasks[0].speed
            rate = f"{speed:.1f}/s" if speed else ""
            progress.update(task, completed=done, rate=rate, note=note)

        yield update
