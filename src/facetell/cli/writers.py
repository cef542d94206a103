"""Write reports as they come: JSON Lines, CSV, evidence. Each row is on disk before the next."""

import csv
import json
import re
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from PIL import Image
from pydantic import ValidationError

from facetell.cli.writing import STANDARD_OUTPUT, writing
from facetell.detect.draw import draw_boxes, draw_heatmap, draw_marks
from facetell.detect.find import drawn_stem
from facetell.detect.reading import look_again
from facetell.detect.report import FaceReport, Report
from facetell.detect.timeline import marks_at
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
        with writing(self._path):
            self._rows.writerow(
                [
                    report.path,
                    report.status,
                    report.verdict or "",
                    "" if report.p_fake is None else f"{report.p_fake:.6f}",
                    faces_of(report),
                    "; ".join(report.warnings),
                    report.reason or "",
                    f"{report.model.name} {report.model.version}",
                    report.model.sha256,
                ]
            )
            self._file.flush()


def faces_of(report: Report) -> int:
    """How many faces were judged; in a clip, how many tracks."""
    return len(report.clip.tracks) if report.clip else len(report.faces)


class FramesWriter(TextFile):
    """One row for each face in each judged frame of a clip."""

    COLUMNS = (
        *("path", "track", "time_s", "x0", "y0", "x1", "y1", "p_fake", "used"),
        *("size_px", "sharpness", "brightness", "track_p_fake", "track_verdict"),
    )

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._rows = csv.writer(self._file)
        self._rows.writerow(self.COLUMNS)

    def write(self, report: Report) -> None:
        with writing(self._path):
            for track in report.clip.tracks if report.clip else ():
                for sample in track.timeline:
                    quality = sample.quality
                    self._rows.writerow(
                        [
                            report.path,
                            track.id,
                            sample.time_s,
                            *sample.box_xyxy,
                            f"{sample.p_fake:.6f}",
                            int(sample.used),
                            *(quality.size_px, quality.sharpness, quality.brightness),
                            f"{track.p_fake:.6f}",
                            track.verdict,
                        ]
                    )
            self._file.flush()


Draw = Callable[[Report], Iterator[tuple[str, Image.Image]]]
DRAWN_NAME = re.compile(r"\d{5,}-.*-(face\d+|boxes\d*|annotated)\.(png|mp4)")
FILM_SUFFIXES = (".mp4", ".m4v", ".mov")


class PictureFolder:
    """Pictures drawn for each file with faces: `<number>-<file>-<what>.png`."""

    def __init__(self, folder: Path, draw: Draw) -> None:
        """draw: `heatmaps` or `boxed`."""
        self._names = DrawnNames(folder)
        self._draw = draw

    def write(self, report: Report) -> None:
        name = self._names.next(report)
        with drawn_again(report):
            for what, image in self._draw(report):
                path = name(f"{what}.png")
                with writing(path):
                    image.save(path)


class FilmFolder:
    """An annotated copy of each clip: `<number>-<file>-annotated.mp4`."""

    def __init__(self, folder: Path) -> None:
        self._names = DrawnNames(folder)

    def write(self, report: Report) -> None:
        path = self._names.next(report)("annotated.mp4")
        if report.clip:
            write_film(report, path)


class Film:
    """An annotated copy of the one clip that is judged.

    of: that clip; an earlier run may have left reports of others.
    """

    def __init__(self, path: Path, of: Path) -> None:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._of = path, str(of)
        self.is_written = False

    def write(self, report: Report) -> None:
        if report.clip and report.path == self._of:
            self.is_written = write_film(report, self._path)


class DrawnNames:
    """Names in a folder that no two files share."""

    def __init__(self, folder: Path) -> None:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._number = 0

    def next(self, report: Report) -> Callable[[str], Path]:
        """What is drawn of the next file -> its path."""
        self._number += 1
        start = drawn_stem(self._number, report.path)
        return lambda what: self._folder / f"{start}-{what}"


@contextmanager
def drawn_again(report: Report) -> Iterator[None]:
    """A file that is gone or changed since it was judged is told of; the others go on."""
    try:
        yield
    except MediaError as error:
        sys.stderr.write(f"facetell: not all drawn for {report.path!r}: {error}\n")


def write_film(report: Report, path: Path) -> bool:
    """Whether it could be written."""
    from facetell.detect.annotate import annotate  # loads PyAV

    with drawn_again(report), writing(path):
        return annotate(report, path)
    return False


def heatmaps(report: Report) -> Iterator[tuple[str, Image.Image]]:
    """The evidence of every face shown."""
    numbers = {id(face): number for number, face in enumerate(report.shown, start=1)}
    for picture, faces in _all_again(report) if numbers else ():
        for face in faces:
            yield f"face{numbers[id(face)]}", draw_heatmap(picture, face)


def boxed(report: Report) -> Iterator[tuple[str, Image.Image]]:
    """The picture, or the frames shown, with a box around every face."""
    if not report.shown:
        return
    for number, (picture, faces) in enumerate(_all_again(report), start=1):
        if report.clip is None:
            yield "boxes", draw_boxes(picture, faces)
        else:
            marks = marks_at(report.clip, faces[0].time_s or 0.0)
            yield f"boxes{number}", draw_marks(picture, marks)


def _all_again(report: Report) -> Iterator[tuple[Picture, list[FaceReport]]]:
    """See `look_again`; raises MediaError also where a face is not found again."""
    left = len(report.shown)
    for picture, faces in look_again(report):
        left -= len(faces)
        yield picture, faces
    if left:
        raise MediaError(
            f"{left} of the {len(report.shown)} faces shown of it are not found again",
            hint="judge it again if it has changed",
        )


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


def keep_reports(path: Path, known: Collection[str]) -> None:
    """Leave only the reports of these paths, all whole, so that a run can go on behind them."""
    beside = path.with_name(f"{path.name}.part")
    with JsonLines(beside) as file:
        for report in read_reports(path):
            if report.path in known:
                file.write(report)
    with writing(path):
        beside.replace(path)
