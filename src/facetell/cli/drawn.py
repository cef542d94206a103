"""Draw what was judged as it comes: pictures with boxes or evidence, annotated clips."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from facetell.cli.writing import writing
from facetell.detect.draw import draw_boxes, draw_heatmap, draw_marks
from facetell.detect.find import drawn_stem
from facetell.detect.reading import look_again
from facetell.detect.report import FaceReport, Report
from facetell.detect.timeline import marks_at
from facetell.errors import MediaError
from facetell.types import Picture

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
