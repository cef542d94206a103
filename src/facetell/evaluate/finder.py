"""How well a face finder finds faces, against the faces that the teacher is sure of.

Every finder sees the same views of the same pictures; the reference is what the teacher finds with
confidence in the picture as it is, carried along when the view shrinks or turns it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image

from facetell.data.degrade import TIERS, blur, grey, relight
from facetell.data.warp import affine, move_boxes, move_points
from facetell.detect.faces import FaceFinder, overlaps
from facetell.types import FloatArray, FoundFaces, UInt8Array

MIN_IOU = 0.5
CONFIDENT = 0.7
"""Score from which the teacher's word is a reference."""
LIKELY = 0.2
"""Below, the teacher sees no face at all: whatever is found there counts as a false box."""
SIZES_PX = ((20, 40), (40, 80), (80, 160), (160, 10_000))
SHEET_WH = (640, 480)
TURNS_DEG = (-30.0, 30.0)


@dataclass(frozen=True, eq=False)
class Reference:
    """A picture [H, W, 3] uint8 RGB, its source, and all the teacher saw in it from LIKELY up."""

    name: str
    source: str
    image: UInt8Array
    faces: FoundFaces


@dataclass
class Tally:
    """What one finder found in one kind of view.

    errors: mean distance of the five landmarks over the eye distance, for each face found. missed,
    invented: names of the pictures with a face that was not found, with a box that is no face.
    """

    faces: int = 0
    found: int = 0
    boxes: int = 0
    right: int = 0
    errors: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float | None:
        return self.found / self.faces if self.faces else None

    @property
    def precision(self) -> float | None:
        return self.right / self.boxes if self.boxes else None

    @property
    def landmark_error(self) -> float | None:
        return float(np.median(self.errors)) if self.errors else None

    def add(self, name: str, found: FoundFaces, truth: FoundFaces, min_px: float = 0.0) -> None:
        """Count one view. Faces under min_px, or of which the teacher is not sure, count neither
        as missed nor as invented."""
        size = (truth.boxes_xyxy[:, 2:] - truth.boxes_xyxy[:, :2]).max(axis=1, initial=0)
        asked = np.flatnonzero((truth.scores >= CONFIDENT) & (size >= min_px))
        iou = overlaps(found.boxes_xyxy, truth.boxes_xyxy)
        for index in asked:
            self.faces += 1
            best = int(iou[:, index].argmax()) if len(found) else -1
            if best < 0 or iou[best, index] < MIN_IOU:
                self.missed.append(name)
                continue
            self.found += 1
            self.errors.append(landmark_error(found.landmarks[best], truth.landmarks[index]))
        hits = (iou >= MIN_IOU).any(axis=1) if len(truth) else np.zeros(len(found), bool)
        self.boxes += len(found)
        self.right += int(hits.sum())
        self.invented += [name] * int((~hits).sum())


def landmark_error(points: FloatArray, truth: FloatArray) -> float:
    """Mean distance of [5, 2] points over the true distance of the eyes.

    For a profile, where the eyes fall together, the distance from eyes to mouth takes its place.
    """
    eyes = float(np.linalg.norm(truth[1] - truth[0]))
    down = float(np.linalg.norm(truth[:2].mean(axis=0) - truth[3:].mean(axis=0)))
    return float(np.linalg.norm(points - truth, axis=1).mean()) / max(eyes, 0.6 * down, 1e-6)


View = Callable[[Reference], tuple[UInt8Array, FoundFaces]]


def _changed(change: Callable[[UInt8Array], UInt8Array]) -> View:
    """A view that changes the light or the coding, and perhaps the size, but no place."""

    def view(reference: Reference) -> tuple[UInt8Array, FoundFaces]:
        image = change(reference.image)
        return image, scaled(reference.faces, image.shape[1] / reference.image.shape[1])

    return view


def _turned(degrees: float) -> View:
    return lambda reference: turned(reference, degrees)


VIEWS: dict[str, View] = {
    "as it is": _changed(lambda image: image),
    "tier web": _changed(TIERS["web"]),
    "tier hard": _changed(TIERS["hard"]),
    "grey": _changed(grey),
    "dark (a quarter of the light)": _changed(lambda image: relight(image, 0.25, 1.0)),
    "blurred (sigma 2 px at 256)": _changed(lambda image: blur(image, max(image.shape) / 128)),
    "turned by 30 degrees": _turned(TURNS_DEG[1]),
    "turned by -30 degrees": _turned(TURNS_DEG[0]),
    "on its side": _turned(90.0),
    "upside down": _turned(180.0),
}


def tally_views(finder: FaceFinder, references: Sequence[Reference]) -> dict[str, Tally]:
    """Each picture in each view of `VIEWS`."""
    tallies = {name: Tally() for name in VIEWS}
    for reference in references:
        for name, view in VIEWS.items():
            image, truth = view(reference)
            tallies[name].add(reference.name, finder.find_faces(image), truth)
    return tallies


def tally_sources(
    finder: FaceFinder, references: Sequence[Reference], min_px: float = 40.0
) -> dict[str, Tally]:
    """The pictures as they are, by source; faces from min_px."""
    tallies: dict[str, Tally] = {}
    for reference in references:
        tally = tallies.setdefault(reference.source, Tally())
        tally.add(reference.name, finder.find_faces(reference.image), reference.faces, min_px)
    return dict(sorted(tallies.items()))


def tally_sheets(
    finder: FaceFinder, references: Sequence[Reference]
) -> dict[tuple[int, int], Tally]:
    """Sheets of portraits whose faces all have a size of the range, many to a sheet."""
    tallies = {}
    for low, high in SIZES_PX:
        tally = Tally()
        for name, image, truth in sheets(references, float(np.sqrt(low * min(high, 4 * low)))):
            tally.add(name, finder.find_faces(image), truth)
        tallies[low, high] = tally
    return tallies


def sheets(
    references: Iterable[Reference], face_px: float
) -> Iterable[tuple[str, UInt8Array, FoundFaces]]:
    """Lay portraits with one sure face side by side on 640 x 480 px, each with faces of face_px.

    Pictures whose face is smaller than that, or much larger than the rest, are left out.
    """
    width, height = SHEET_WH
    faces: list[FoundFaces] = []
    number, sheet, x, y, row = 1, _blank(), 0, 0, 0
    for reference in references:
        if len(reference.faces) != 1 or reference.faces.scores[0] < CONFIDENT:
            continue
        box = reference.faces.boxes_xyxy[0]
        scale = face_px / float((box[2:] - box[:2]).max())
        tile_w, tile_h = (max(1, round(v * scale)) for v in reference.image.shape[1::-1])
        if scale > 1 or tile_w > width or tile_h > height:
            continue
        if x + tile_w > width:
            x, y, row = 0, y + row, 0
        if y + tile_h > height:
            yield f"sheet {number}", sheet, _together(faces)
            faces = []
            number, sheet, x, y, row = number + 1, _blank(), 0, 0, 0
        tile = Image.fromarray(reference.image).resize((tile_w, tile_h), Image.Resampling.BICUBIC)
        sheet[y : y + tile_h, x : x + tile_w] = np.asarray(tile)
        at = np.array([x, y], np.float32)
        small = scaled(reference.faces, scale)
        faces.append(
            FoundFaces(small.boxes_xyxy + np.tile(at, 2), small.scores, small.landmarks + at)
        )
        x, row = x + tile_w, max(row, tile_h)
    if faces:
        yield f"sheet {number}", sheet, _together(faces)


def scaled(faces: FoundFaces, scale: float) -> FoundFaces:
    factor = np.float32(scale)
    return FoundFaces(faces.boxes_xyxy * factor, faces.scores, faces.landmarks * factor)


def turned(reference: Reference, degrees: float) -> tuple[UInt8Array, FoundFaces]:
    """The picture turned clockwise about its middle, on a canvas that holds it whole."""
    height, width = reference.image.shape[:2]
    pixels = Image.fromarray(reference.image).rotate(
        -degrees, Image.Resampling.BICUBIC, expand=True
    )
    turn = affine(1.0, degrees, (width / 2, height / 2), (pixels.width / 2, pixels.height / 2))
    seen = reference.faces
    faces = FoundFaces(
        move_boxes(seen.boxes_xyxy, turn), seen.scores, move_points(seen.landmarks, turn)
    )
    return np.asarray(pixels), faces


def _blank() -> npt.NDArray[np.uint8]:
    return np.full((SHEET_WH[1], SHEET_WH[0], 3), 128, np.uint8)


def _together(faces: Sequence[FoundFaces]) -> FoundFaces:
    return FoundFaces(
        np.concatenate([f.boxes_xyxy for f in faces]),
        np.concatenate([f.scores for f in faces]),
        np.concatenate([f.landmarks for f in faces]),
    )
