"""Write reports as they come: JSON Lines, CSV, evidence pictures. Each row is on disk before the
next."""

import csv
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from pydantic import ValidationError

from facetell.detect.draw import draw_heatmap
from facetell.detect.media import read_picture
from facetell.detect.report import Report
from facetell.errors import DataError


class ReportWriter(Protocol):
    """Takes reports one by one."""

    def write(self, report: Report) -> None: ...


class TextFile:
    """A text file that is complete up to the last report, whatever happens next."""

    def __init__(self, path: Path, *, go_on: bool = False) -> None:
        """go_on: add to what is there instead of writing it anew."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = path.open("a" if go_on else "w", encoding="utf-8", newline="")
        except OSError as error:
            raise DataError(
                f"{path} cannot be written: {error.strerror}", hint="name a file you may write"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


class JsonLines(TextFile):
    """One report a line."""

    def write(self, report: Report) -> None:
        self._file.write(report.model_dump_json() + "\n")
        self._file.flush()


class CsvWriter(TextFile):
    """One row per file, for a spreadsheet."""

    COLUMNS = (
        "path",
        "status",
        "verdict",
        "p_fake",
        "faces",
        "warnings",
        "reason",
        "model",
        "sha256",
    )

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._rows = csv.writer(self._file)
        self._rows.writerow(self.COLUMNS)

    def write(self, report: Report) -> None:
        self._rows.writerow(
            [
                report.path,
                report.status,
                report.verdict or "",
                "" if report.p_fake is None else f"{report.p_fake:.6f}",
                len(report.faces),
                "; ".join(report.warnings),
                report.reason or "",
                f"{report.model.name} {report.model.version}",
                report.model.sha256,
            ]
        )
        self._file.flush()


class HeatmapWriter:
    """The evidence of every face as a PNG: `<number>-<file>-face<k>.png`."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"{folder} cannot be made: {error.strerror}", hint="name a folder you may write"
            ) from error
        self._folder = folder
        self._number = 0

    def write(self, report: Report) -> None:
        self._number += 1
        if not report.faces:
            return
        picture = read_picture(Path(report.path))
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(report.path).stem)[:80]
        for k, face in enumerate(report.faces, start=1):
            name = f"{self._number:05d}-{stem}-face{k}.png"
            draw_heatmap(picture, face).save(self._folder / name)


def read_reports(path: Path) -> Iterator[Report]:
    """What an interrupted run wrote, one by one; nothing where the file is not there.

    Raises DataError when the file holds anything but reports.
    """
    if not path.exists():
        return
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            try:
                yield Report.model_validate_json(line)
            except ValidationError as error:
                raise DataError(
                    f"{path} holds something else than reports of this version",
                    hint="name another --json file, or leave --resume out to write it anew",
                ) from error


def drop_broken_end(path: Path) -> None:
    """Cut off a last line that was not written whole, so that a run can go on behind the others."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = 0
        for line in file:
            if line.endswith(b"\n"):
                end += len(line)
        file.truncate(end)
