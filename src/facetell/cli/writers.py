"""Write reports as they come: JSON Lines, CSV, evidence. Each row is on disk before the next."""

import csv
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from PIL import Image
from pydantic import ValidationError

from facetell.detect.draw import draw_boxes, draw_heatmap
from facetell.detect.media import read_picture
from facetell.detect.report import Report
from facetell.errors import MediaError, OutputError
from facetell.types import Picture


class ReportWriter(Protocol):
    """Takes reports one by one."""

    def write(self, report: Report) -> None: ...


class TextFile:
    """A text file that is complete up to the last report, whatever happens next."""

    def __init__(self, path: Path, *, go_on: bool = False) -> None:
        """go_on: add to what is there instead of writing it anew."""
        self._path = path
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = path.open(
                "a" if go_on else "w", encoding="utf-8", errors="backslashreplace", newline=""
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with explained(self._path):
            self._file.close()


class JsonLines(TextFile):
    """One report a line. File names that are no text keep their bytes as JSON escapes."""

    def write(self, report: Report) -> None:
        with explained(self._path):
            self._file.write(json.dumps(report.model_dump(mode="json")) + "\n")
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
        with explained(self._path):
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


Draw = Callable[[Picture, Report], Iterator[tuple[str, Image.Image]]]
DRAWN_NAME = re.compile(r"\d{5,}-.*-(face\d+|boxes)\.png")


class PictureFolder:
    """Pictures drawn for each file with faces: `<number>-<file>-<what>.png`."""

    def __init__(self, folder: Path, draw: Draw) -> None:
        """draw: `heatmaps` or `boxed`."""
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._draw = draw
        self._number = 0

    def write(self, report: Report) -> None:
        self._number += 1
        if not report.faces:
            return
        try:
            picture = read_picture(Path(report.path))
        except MediaError as error:
            sys.stderr.write(f"facetell: nothing drawn for {report.path!r}: {error}\n")
            return
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(report.path).stem)[:80]
        for what, image in self._draw(picture, report):
            path = self._folder / f"{self._number:05d}-{stem}-{what}.png"
            with explained(path):
                image.save(path)


def heatmaps(picture: Picture, report: Report) -> Iterator[tuple[str, Image.Image]]:
    """The evidence of every face."""
    for k, face in enumerate(report.faces, start=1):
        yield f"face{k}", draw_heatmap(picture, face)


def boxed(picture: Picture, report: Report) -> Iterator[tuple[str, Image.Image]]:
    """The picture with a box around every face."""
    yield "boxes", draw_boxes(picture, report.faces)


def read_reports(path: Path) -> Iterator[Report]:
    """What an interrupted run wrote, one by one; a last line that was cut off is left out.

    Raises OutputError when the file holds anything but reports.
    """
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for number, line in enumerate(file):
            try:
                yield Report.model_validate(json.loads(line))
            except (ValidationError, ValueError) as error:
                if number and not line.endswith("\n"):
                    return
                raise OutputError(
                    f"{path} holds something else than reports of this version",
                    hint="name another --json file, or leave --resume out to write it anew",
                ) from error


def drop_broken_end(path: Path) -> None:
    """Cut off a last line without its end, so that a run can go on behind the whole ones."""
    with path.open("rb+") as file:
        end = sum(len(line) for line in file if line.endswith(b"\n"))
        file.truncate(end)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """A full disk, a locked folder: one line instead of a traceback."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="name a place that you may write to and that has room",
        ) from error
