"""Where `facetell detect` prints: with colours and bars where a person watches, else plain lines,
for which rich need not be loaded."""

import os
import sys
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Part = tuple[str, str]
"""A piece of a line, and its style by rich's words."""


class Bars(Protocol):
    """Takes how far the work is."""

    def done(self, files: int) -> None: ...

    def watched(self, clip: Hashable, watched_s: float, duration_s: float | None) -> None: ...


class Screen(Protocol):
    """Takes lines one by one, and shows bars below them."""

    def print(self, *parts: Part) -> None: ...

    def bars(self, files: int) -> AbstractContextManager[Bars]: ...


def open_screen(*, aside: bool = False) -> Screen:
    """The screen for standard output, whatever it is; aside: for standard error, where standard
    output is wanted for something else."""
    # A closed stream is None.
    watched = any(stream and stream.isatty() for stream in (sys.stdout, sys.stderr))
    return Terminal(aside) if watched or os.environ.get("FORCE_COLOR") else Plain(aside)


def printable(path: str) -> str:
    """File names may hold line breaks and control codes; a row must stay one row."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in path)


class Plain:
    """A pipe or a file."""

    def __init__(self, aside: bool) -> None:
        self._aside = aside

    def print(self, *parts: Part) -> None:
        stream = sys.stderr if self._aside else sys.stdout  # `quiet_libraries` replaces the one
        print("".join(text for text, _ in parts), file=stream, flush=True)

    @contextmanager
    def bars(self, files: int) -> Iterator[Bars]:
        yield _NoBars()


class _NoBars:
    def done(self, files: int) -> None:
        """Nobody wants to know."""

    def watched(self, clip: Hashable, watched_s: float, duration_s: float | None) -> None:
        """Nobody wants to know."""


class Terminal:
    """Where a person watches one of the process's outputs at least."""

    def __init__(self, aside: bool) -> None:
        from rich.console import Console

        self._console = Console(stderr=aside, highlight=False, soft_wrap=True)

    def print(self, *parts: Part) -> None:
        from rich.text import Text

        self._console.print(Text.assemble(*parts))

    def bars(self, files: int) -> AbstractContextManager[Bars]:
        from facetell.cli.progress import files_and_clips

        return files_and_clips(files, self._console)
