"""A crop cache: faces found once, kept decoded on disk, so that training is busy with the model.

A cache is a folder with `pixels.u8` (raw RGB regions, one after the other) and `index.csv` (a row
each). A region is the face with surroundings, at native resolution up to MAX_REGION_PX; the crop a
model sees is cut from it by `detect.crop.crop_face`, exactly as it is from a picture.
"""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facetell.data.degrade import shrink_to
from facetell.data.manifest import Sample
from facetell.data.pixels import PIXELS_NAME, PixelCache, alone, append_picture
from facetell.detect.align import Square, by_box, by_landmarks
from facetell.detect.crop import cut_region
from facetell.detect.faces import FINDERS, FaceFinder
from facetell.detect.media import read_picture
from facetell.errors import DataError, MediaError
from facetell.types import BoxXYXY, FloatArray, UInt8Array

REGION_MARGIN = 1.9
"""Side of a region over the length of the face: room for any crop margin, for jitter and tilt."""
MAX_REGION_PX = 390
REGIONS = "2"
"""How regions are cut, kept in a cache's file `regions`: 1, without that file, repeated the border
of tight pictures, and judging does not."""
_PLACE_FIELDS = ["offset", "height", "width", "x0", "y0", "x1", "y1"]
_POINT_FIELDS = [f"{axis}{number}" for number in range(1, 6) for axis in ("point_x", "point_y")]
_SAMPLE_FIELDS = ["path", "label", "split", "source", "generator", "group"]


@dataclass(frozen=True, eq=False)
class CachedRegion:
    """Where one region lies in `pixels.u8`; the face box and landmarks [5, 2] in its pixels."""

    sample: Sample
    offset: int
    height: int
    width: int
    box_xyxy: BoxXYXY
    landmarks: FloatArray


class CropCache(PixelCache[CachedRegion]):
    """A cache opened for reading."""

    def __init__(self, folder: Path) -> None:
        self.regions = _read_index(folder)
        if not self.regions:
            raise DataError(f"{folder} holds no crop cache", hint="make one: facetell data crops")
        super().__init__(folder, self.regions)

    def only(self, keep: Callable[[Sample], bool]) -> "CropCache":
        """The same cache with some of its samples alone."""
        part = copy(self)
        part.regions = [region for region in self.regions if keep(region.sample)]
        return part

    def of(self, samples: Iterable[Sample]) -> "CropCache":
        """The same cache with these samples alone, and with what they say of split, label and
        group; what the cache was filled with may have been divided otherwise."""
        wanted = {sample.path.resolve(): sample for sample in samples}
        part = copy(self)
        part.regions = [
            replace(region, sample=sample)
            for region in self.regions
            if (sample := wanted.get(region.sample.path.resolve()))
        ]
        return part


def build_cache(
    samples: Iterable[Sample],
    folder: Path,
    *,
    processes: int | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> tuple[int, list[str]]:
    """Find the largest face of each sample and keep its region.

    Returns how many are kept and, for every sample that is not, a line that says why. An existing
    cache is continued: what its index already names is not done again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {region.sample.path.resolve() for region in _read_index(folder)}
    todo = [sample for sample in samples if sample.path.resolve() not in known]
    left_out: list[str] = []
    if not todo:
        return len(known), left_out
    (folder / "regions").write_text(REGIONS, encoding="utf-8")
    with (
        alone(folder),
        ProcessPoolExecutor(processes or os.cpu_count(), initializer=_open_finder) as pool,
        (folder / "index.csv").open("a", newline="", encoding="utf-8") as index,
        (folder / PIXELS_NAME).open("ab") as pixels,
    ):
        writer = csv.writer(index)
        if not index.tell():  # an interrupted run may have left the head alone
            writer.writerow(_SAMPLE_FIELDS + _PLACE_FIELDS + _POINT_FIELDS)
        for done, (sample, found) in enumerate(
            zip(todo, _search(pool, todo), strict=True), start=1
        ):
            if isinstance(found, str):
                left_out.append(f"{sample.path}: {found}")
            else:
                image, box, points = found
                numbers = [round(float(v), 2) for v in (*box, *points.flat)]
                place = [append_picture(pixels, image), *image.shape[:2], *numbers]
                writer.writerow([getattr(sample, name) for name in _SAMPLE_FIELDS] + place)
            on_progress(done)
    return len(known) + len(todo) - len(left_out), left_out


def face_region(
    image: UInt8Array, box_xyxy: BoxXYXY, landmarks: FloatArray
) -> tuple[UInt8Array, BoxXYXY, FloatArray]:
    """Cut the region around a face; returns it, and face box and landmarks in its pixels.

    It holds the face wherever a crop may look for it, by the box or by the landmarks, and ends
    where the picture does, so that crops cut from it meet the same borders as in judging.
    """
    height, width = image.shape[:2]
    corners = []
    for face in (by_box(box_xyxy), by_landmarks(box_xyxy, landmarks)):
        square = Square(face.centre_xy, face.side * REGION_MARGIN)
        corners.append(square.kept_inside((width, height), least=face.side).bounds_xyxy)
    left, top, right, bottom = zip(*corners, strict=True)
    around = (
        max(min(left), 0.0),
        max(min(top), 0.0),
        min(max(right), float(width)),
        min(max(bottom), float(height)),
    )
    region, inside = cut_region(image, around)
    small = shrink_to(region, MAX_REGION_PX)
    scale = small.shape[1] / region.shape[1]
    shift = np.array([inside[0] - around[0], inside[1] - around[1]], np.float32)
    x0, y0, x1, y1 = (float(v) for v in (np.array(box_xyxy) + np.tile(shift, 2)) * scale)
    return small, (x0, y0, x1, y1), np.asarray((landmarks + shift) * scale, np.float32)


def _search(
    pool: ProcessPoolExecutor, samples: list[Sample]
) -> Iterator[tuple[UInt8Array, BoxXYXY, FloatArray] | str]:
    return pool.map(_find_region, (sample.path for sample in samples), chunksize=16)


_finder: FaceFinder | None = None  # one per worker process, opened by the pool's initializer


def _open_finder() -> None:
    global _finder
    _finder = FINDERS["facetell"]()


def _find_region(path: Path) -> tuple[UInt8Array, BoxXYXY, FloatArray] | str:
    assert _finder is not None
    try:
        return largest_face_region(path, _finder)
    except MediaError as error:
        return str(error)


def largest_face_region(path: Path, finder: FaceFinder) -> tuple[UInt8Array, BoxXYXY, FloatArray]:
    """`face_region` of the largest face in a file. Raises MediaError where there is none."""
    picture = read_picture(path)
    faces = finder.find_faces(picture.image)
    if not len(faces):
        raise MediaError("no face found", hint="only pictures with a face can be used")
    largest = faces.areas.argmax()
    x0, y0, x1, y1 = (float(v) for v in faces.boxes_xyxy[largest])
    return face_region(picture.image, (x0, y0, x1, y1), faces.landmarks[largest])


def _read_index(folder: Path) -> list[CachedRegion]:
    """The rows of the index; none where there is no cache yet."""
    index, regions = folder / "index.csv", folder / "regions"
    if not index.exists():
        return []
    if not regions.exists() or regions.read_text(encoding="utf-8") != REGIONS:
        raise DataError(
            f"{folder} holds faces as another version of facetell cut them",
            hint="delete it, and make it anew: facetell data crops",
        )
    with index.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if any(None in row.values() for row in rows):
        raise DataError(f"{index} has a line that was cut short", hint="delete that line")
    return [_region_from_row(row) for row in rows]


def _region_from_row(row: dict[str, str]) -> CachedRegion:
    sample = Sample(
        path=Path(row["path"]),
        label=int(row["label"]),
        split=row["split"],
        source=row["source"],
        generator=row["generator"],
        group=row["group"],
    )
    points = np.array([float(row[name]) for name in _POINT_FIELDS], np.float32).reshape(5, 2)
    box = float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"])
    return CachedRegion(
        sample, int(row["offset"]), int(row["height"]), int(row["width"]), box, points
    )
