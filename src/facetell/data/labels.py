"""Pictures with the teacher's faces, found once and kept decoded: what the face finder learns from.

`teacher_mistakes.csv` names pictures, looked at one by one, where the teacher takes an animal for a
face (`no_face`) or where a doll, a statue or a drawing is neither face nor background (`unclear`).

A folder with `pixels.u8` (raw RGB, one picture after the other) and `index.jsonl` (one line per
picture). A picture is kept shrunk to MAX_SIDE_PX at most, a clip as FRAMES_PER_CLIP of its frames.
"""

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path, PurePath

import numpy as np

from facetell.data.degrade import shrink_to
from facetell.data.manifest import Sample
from facetell.data.pixels import PIXELS_NAME, PixelCache, alone, append_picture
from facetell.data.teacher import CenterFace, centerface_bytes
from facetell.detect.frames import wanted_frames
from facetell.detect.media import media_kind, read_picture
from facetell.detect.reading import open_media
from facetell.errors import DataError, MediaError
from facetell.types import BY_DEFAULT, FloatArray, FoundFaces, Kind, Picture, Sampling, UInt8Array

MAX_SIDE_PX = 512
FRAMES_PER_CLIP = 24
LEAST_SCORE = 0.2
"""Below the teacher's own threshold, but too likely a face to be learnt as background."""


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """Where one picture lies in `pixels.u8`, and the teacher's faces in its pixels."""

    path: str
    split: str
    source: str
    offset: int
    height: int
    width: int
    faces: FoundFaces


class LabelCache(PixelCache[LabelledPicture]):
    """A cache opened for reading."""

    def __init__(self, folder: Path) -> None:
        self.pictures = _read_index(folder)
        if not self.pictures:
            raise DataError(f"{folder} holds no labels", hint="make them: facetell finder label")
        super().__init__(folder, self.pictures)


def build_labels(
    samples: Iterable[Sample],
    folder: Path,
    *,
    processes: int | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> tuple[int, list[str]]:
    """Let the teacher find the faces of each picture and of the frames of each clip.

    Returns how many pictures are added and, for every sample that cannot be read, a line that says
    why. An existing cache is continued.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {
        path
        for picture in _read_index(folder)
        for path in (picture.path, picture.path.rpartition("#")[0])
    }
    todo = [sample for sample in samples if str(sample.path) not in known]
    left_out, added = [], 0
    centerface_bytes()  # what it raises would not arrive from a worker
    with (
        alone(folder),
        ProcessPoolExecutor(processes or os.cpu_count(), initializer=_open_teacher) as pool,
        (folder / "index.jsonl").open("a", encoding="utf-8") as index,
        (folder / PIXELS_NAME).open("ab") as pixels,
    ):
        labelled = pool.map(_label, (sample.path for sample in todo), chunksize=4)
        for done, (sample, found) in enumerate(zip(todo, labelled, strict=True), start=1):
            if isinstance(found, str):
                left_out.append(f"{sample.path}: {found}")
            else:
                for name, image, faces in found:
                    row = _row(name, sample, append_picture(pixels, image), image, faces)
                    index.write(json.dumps(row) + "\n")
                    added += 1
            on_progress(done)
    return added, left_out


def corrected(path: str, faces: FoundFaces) -> FoundFaces:
    """The teacher's faces of a picture, with `teacher_mistakes.csv` taken into account."""
    match _mistakes().get(PurePath(path).name):
        case "no_face":
            return faces.chosen(slice(0))
        case "unclear":
            unsure = np.minimum(faces.scores, np.float32(LEAST_SCORE))
            return replace(faces, scores=unsure)
        case _:
            return faces


@cache
def _mistakes() -> dict[str, str]:
    text = (resources.files("facetell.data") / "teacher_mistakes.csv").read_text(encoding="utf-8")
    return {row["name"]: row["what"] for row in csv.DictReader(text.splitlines())}


def clip_frames(path: Path, count: int) -> Iterator[UInt8Array]:
    """About `count` frames [H, W, 3] uint8 RGB, evenly over the clip. Raises MediaError."""
    with open_media(path) as media:
        if isinstance(media, Picture):
            yield media.image
            return
        fps = count / media.facts.duration_s if media.facts.duration_s else BY_DEFAULT.fps
        for frame in wanted_frames(media, Sampling(fps)):
            yield frame.picture.image


_teacher: CenterFace | None = None  # one per worker process, opened by the pool's initializer


def _open_teacher() -> None:
    global _teacher
    _teacher = CenterFace(longest_side_px=MAX_SIDE_PX, min_score=LEAST_SCORE)


def _label(path: Path) -> list[tuple[str, UInt8Array, FoundFaces]] | str:
    assert _teacher is not None
    try:
        if media_kind(path) is Kind.VIDEO or path.suffix == ".gif":
            frames = clip_frames(path, FRAMES_PER_CLIP)
            images = [(f"{path}#{number}", frame) for number, frame in enumerate(frames)]
        else:
            images = [(str(path), read_picture(path).image)]
    except MediaError as error:
        return str(error)
    small = [(name, shrink_to(image, MAX_SIDE_PX)) for name, image in images]
    return [(name, image, _teacher.find_faces(image)) for name, image in small]


def _row(
    name: str, sample: Sample, offset: int, image: UInt8Array, faces: FoundFaces
) -> dict[str, object]:
    return {
        "path": name,
        "split": sample.split,
        "source": sample.source,
        "offset": offset,
        "height": image.shape[0],
        "width": image.shape[1],
        "boxes_xyxy": faces.boxes_xyxy.round(2).tolist(),
        "scores": faces.scores.round(4).tolist(),
        "landmarks": faces.landmarks.round(2).tolist(),
    }


def _read_index(folder: Path) -> list[LabelledPicture]:
    """The lines of the index; none where there is no cache yet."""
    index = folder / "index.jsonl"
    if not index.exists():
        return []
    lines = index.read_text(encoding="utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        raise DataError(f"{index} has a line that was cut short", hint="delete that line")
    return [_labelled(json.loads(line)) for line in lines]


def _labelled(row: dict[str, object]) -> LabelledPicture:
    def array(name: str, *shape: int) -> FloatArray:
        return np.array(row[name], np.float32).reshape(-1, *shape)

    found = FoundFaces(array("boxes_xyxy", 4), array("scores"), array("landmarks", 5, 2))
    faces = corrected(str(row["path"]), found)
    plain = {name: row[name] for name in ("path", "split", "source", "offset", "height", "width")}
    return LabelledPicture(**plain, faces=faces)  # type: ignore[arg-type]
