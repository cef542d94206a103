"""Write reports as they come: JSON Lines and tables. Each row is on disk before the next."""

import csv
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from facetell.cli.writing import STANDARD_OUTPUT, writing
from facetell.detect.report import Report
from facetell.errors import OutputError


class ReportWriter(Protocol):
    """Takes reports one by one."""

    def write(self, report: Report) -> None: ...


class TextFile:
    """A text file that is complete up to the last report, whatever happens next."""

    def __init__(self, path: Path, *, go_on: bool = False) -> None:
        """go_on: add to what is there instead of writing it anew."""
        self._path = path
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Lives as long as this object, which is itself a context manager.
            self._file: IO[str] = open(  # noqa: SIM115
                _standard_output() if path == STANDARD_OUTPUT else path,
                "a" if go_on else "w",
                encoding="utf-8",
                errors="backslashreplace",
                newline="",
                closefd=path != STANDARD_OUTPUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with writing(self._path):
            self._file.close()


def _standard_output() -> int:
    """Its number. Raises OutputError where it is closed, as by a service without one."""
    if not sys.stdout:
        raise OutputError("standard output is closed", hint="name a file instead of -")
    return sys.stdout.fileno()


class JsonLines(TextFile):
    """One report a line. File names that are no text keep their bytes as JSON escapes."""

    def write(self, report: Report) -> None:
        with writing(self._path):
            self._file.write(json.dumps(report.model_dump(mode="json")) + "\n")
            self._file.flush()


class Table(TextFile, ABC):
    """Rows of comma-separated values, below the names of their columns."""

    COLUMNS: tuple[str, ...]

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._rows = csv.writer(self._file)
        self._rows.writerow(self.COLUMNS)

    def write(self, report: Report) -> None:
        with writing(self._path):
            self._rows.writerows(self._rows_of(report))
            self._file.flush()

    @abstractmethod
    def _rows_of(self, report: Report) -> Iterator[tuple[object, ...]]:
        """What becomes of one file."""


class CsvWriter(Table):
    """One row per file, for a spreadsheet."""

    COLUMNS = (
        *("path", "status", "verdict", "p_fake", "faces", "warnings", "reason"),
        *("model", "sha256"),
    )

    def _rows_of(self, report: Report) -> Iterator[tuple[object, ...]]:
        yield (
            report.path,
            report.status,
            report.verdict or "",
            "" if report.p_fake is None else f"{report.p_fake:.6f}",
            faces_of(report),
            "; ".join(report.warnings),
            report.reason or "",
            f"{report.model.name} {report.model.version}",
            report.model.sha256,
        )


class FramesWriter(Table):
    """One row for each face in each judged frame of a clip."""

    COLUMNS = (
        *("path", "track", "time_s", "x0", "y0", "x1", "y1", "p_fake", "used"),
        *("size_px", "sharpness", "brightness", "track_p_fake", "track_verdict"),
    )

    def _rows_of(self, report: Report) -> Iterator[tuple[object, ...]]:
        for track in report.clip.tracks if report.clip else ():
            for sample in track.timeline:
                quality = sample.quality
                yield (
                    report.path,
                    track.id,
                    sample.time_s,
                    *sample.box_xyxy,
                    f"{sample.p_fake:.6f}",
                    int(sample.used),
                    *(quality.size_px, quality.sharpness, quality.brightness),
                    f"{track.p_fake:.6f}",
                    track.verdict,
                )


def faces_of(report: Report) -> int:
    """How many faces were judged; in a clip, how many tracks."""
    return len(report.clip.tracks) if report.clip else len(report.faces)
