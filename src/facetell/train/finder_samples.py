"""Scenes for the face finder, drawn by number from labelled pictures.

Sample k depends on (seed, k) alone. A scene is one portrait that fills it, a piece of a large
one, a background without faces and on it one portrait or a mosaic of them, or a natural scene with
a few pasted in; then things stand in front of faces, and the whole goes a random way through the
web.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw
from torch.utils.data import Dataset

from facetell.data.degrade import AUGMENTATIONS, blur, random_path, relight
from facetell.data.labels import LabelCache, LabelledPicture
from facetell.data.warp import affine, inverse, move_boxes, move_points
from facetell.detect.align import Affine
from facetell.errors import DataError
from facetell.train.finder_recipe import FinderRecipe
from facetell.train.pool import Pool
from facetell.types import FloatArray, UInt8Array

MAX_FACES = 40
"""Faces of one scene; what is beyond them is not learnt."""
SURE = 0.5
"""Teacher's score from which a face is a face; below, it is neither face nor background."""
LEAST_VISIBLE = 0.5
LEAST_PX = 9.0
MIRRORED = [1, 0, 2, 4, 3]
"""Order of the landmarks after mirroring."""


@dataclass(frozen=True, eq=False)
class Faces:
    """boxes_xyxy [N, 4], landmarks [N, 5, 2], sure [N] bool: what is not sure is ignored."""

    boxes_xyxy: FloatArray
    landmarks: FloatArray
    sure: npt.NDArray[np.bool_]

    def at(self, chosen: npt.NDArray[np.bool_]) -> "Faces":
        return Faces(self.boxes_xyxy[chosen], self.landmarks[chosen], self.sure[chosen])


@dataclass(eq=False)
class Scene:
    """A canvas [H, W, 3] uint8 RGB and the faces on it."""

    image: UInt8Array
    faces: Faces


class FinderSamples(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Sample k -> (pixels [3, C, C] float32 0..255, faces [MAX_FACES, 15] float32).

    A row of faces: 1 for a face, 2 for a region to ignore, 0 for none; box; five landmarks.
    """

    def __init__(
        self, cache: LabelCache, recipe: FinderRecipe, first: int = 0, end: int | None = None
    ) -> None:
        """The samples from number `first` up to `end`, by default those of one round."""
        self._recipe = recipe
        self._first = first
        self._end = recipe.samples if end is None else end
        self._painter = Painter(cache, recipe)

    def __len__(self) -> int:
        return self._end - self._first

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng([self._recipe.seed, self._first + index])
        scene = self._painter.scene(rng)
        pixels = np.ascontiguousarray(scene.image.transpose(2, 0, 1)).astype(np.float32)
        return torch.from_numpy(pixels), torch.from_numpy(as_rows(scene.faces))


class Painter:
    """Draws scenes from the train split of a label cache."""

    def __init__(self, cache: LabelCache, recipe: FinderRecipe) -> None:
        self._cache = cache
        self._recipe = recipe
        train = [picture for picture in cache.pictures if picture.split == "train"]
        with_faces = [p for p in train if (p.faces.scores >= SURE).any()]
        natural_scenes = [p for p in train if _is_scene(p)]
        self._empty = [
            p for p in train if not len(p.faces) and min(p.height, p.width) >= recipe.canvas_px // 2
        ]
        if not (with_faces and natural_scenes and self._empty):
            raise DataError(
                "the labels lack train pictures with a face, with a small one, or without any",
                hint="give facetell finder label portraits, and folders of scenes",
            )
        self._with_faces = Pool(with_faces, _source)
        self._natural_scenes = Pool(natural_scenes, _source)

    def scene(self, rng: np.random.Generator) -> Scene:
        """One scene of canvas_px x canvas_px pixels."""
        draw: Callable[[np.random.Generator], Scene] = rng.choice(
            [self._full, self._close, self._one, self._mosaic, self._natural, self._nobody],  # type: ignore[arg-type]
            p=[0.27, 0.1, 0.2, 0.16, 0.15, 0.12],
        )
        scene = draw(rng)
        for box in scene.faces.boxes_xyxy[scene.faces.sure]:
            if rng.random() < 0.15:
                scene = self._covered(scene, box, rng)
        return self._degraded(scene, rng)

    def _full(self, rng: np.random.Generator) -> Scene:
        """A portrait that fills the canvas, as most pictures that are judged do."""
        picture = self._with_faces.draw(rng)
        image, faces = self._cache.image(picture), _faces(picture)
        if rng.random() < 0.5:
            image, faces = _mirror(image, faces)
        canvas = self._recipe.canvas_px
        zoom = canvas / min(image.shape[:2]) * float(rng.uniform(0.85, 1.5))
        slack = np.maximum(0, np.array(image.shape[1::-1]) - canvas / zoom) / 2
        centre = np.array(image.shape[1::-1]) / 2 + rng.uniform(-1, 1, 2) * slack
        tilt = rng.normal(0, 12) if rng.random() < 0.4 else 0.0
        matrix = affine(zoom, tilt, centre, (canvas / 2, canvas / 2))
        return _place(self._background(rng), image, faces, matrix)

    def _close(self, rng: np.random.Generator) -> Scene:
        """A piece of a large portrait: an ear, a neck, a hand are no faces."""
        picture = self._with_faces.draw(rng)
        image, faces = self._cache.image(picture), _faces(picture)
        box = faces.boxes_xyxy[int(np.flatnonzero(faces.sure)[0])]
        canvas = self._recipe.canvas_px
        zoom = canvas * float(rng.uniform(1.2, 4)) / float((box[2:] - box[:2]).max())
        slack = np.maximum(0, np.array(image.shape[1::-1]) - canvas / zoom) / 2
        centre = np.array(image.shape[1::-1]) / 2 + rng.uniform(-1, 1, 2) * slack
        matrix = affine(min(zoom, 3.0), 0.0, centre, (canvas / 2, canvas / 2))
        return _place(self._background(rng), image, faces, matrix)

    def _one(self, rng: np.random.Generator) -> Scene:
        scene = self._background(rng)
        low, high = self._recipe.face_px
        side = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return self._paste(scene, side, rng)

    def _mosaic(self, rng: np.random.Generator) -> Scene:
        scene = self._background(rng)
        across = int(rng.integers(2, 5))
        cell = self._recipe.canvas_px / across
        for row in range(across):
            for column in range(across):
                if rng.random() < 0.85:
                    centre = (np.array([column, row]) + rng.uniform(0.35, 0.65, 2)) * cell
                    side = cell * rng.uniform(0.35, 0.85)
                    scene = self._paste(scene, side, rng, centre, within=cell * 1.1)
        return scene

    def _natural(self, rng: np.random.Generator) -> Scene:
        """A piece of a picture as it is, with up to three portraits stuck on."""
        scene = self._whole_picture(rng)
        for _ in range(int(rng.integers(0, 4))):
            side = float(np.exp(rng.uniform(np.log(14), np.log(120))))
            scene = self._paste(scene, side, rng, within=side * rng.uniform(1.3, 3))
        return scene

    def _nobody(self, rng: np.random.Generator) -> Scene:
        """No face: a background, or a portrait whose face is painted over."""
        if rng.random() < 0.6:
            return self._background(rng)
        scene = self._one(rng)
        cover = self._background(rng).image
        image = scene.image.copy()
        for box in scene.faces.boxes_xyxy:
            x0, y0, x1, y1 = _grown(box, 1.15, image.shape)
            image[y0:y1, x0:x1] = cover[y0:y1, x0:x1]
        return Scene(image, _no_faces())

    def _whole_picture(self, rng: np.random.Generator) -> Scene:
        picture = self._natural_scenes.draw(rng)
        canvas = self._recipe.canvas_px
        zoom = float(np.exp(rng.uniform(np.log(0.5), np.log(1.6)))) * canvas / 512
        zoom = max(zoom, 0.6 * canvas / max(picture.height, picture.width))
        centre = np.array([picture.width, picture.height]) * rng.uniform(0.3, 0.7, 2)
        matrix = affine(zoom, 0.0, centre, np.full(2, canvas / 2))
        return _place(self._background(rng), self._cache.image(picture), _faces(picture), matrix)

    def _paste(
        self,
        scene: Scene,
        side: float,
        rng: np.random.Generator,
        centre: npt.NDArray[np.float64] | None = None,
        within: float = np.inf,
    ) -> Scene:
        """Put a portrait so that its face is `side` px long, cut to a square of side `within`."""
        picture = self._with_faces.draw(rng)
        image, faces = self._cache.image(picture), _faces(picture)
        if rng.random() < 0.5:
            image, faces = _mirror(image, faces)
        box = faces.boxes_xyxy[rng.choice(np.flatnonzero(faces.sure))]
        face_px = float(max(box[2] - box[0], box[3] - box[1]))
        if side > 2.5 * face_px:
            side = 2.5 * face_px
        middle = (box[:2] + box[2:]) / 2
        if centre is None:
            room = max(0.0, self._recipe.canvas_px - side * 0.8) / 2
            centre = self._recipe.canvas_px / 2 + rng.uniform(-room, room, 2)
        tilt = 0.0
        if rng.random() < 0.6:
            most = self._recipe.max_tilt_deg
            tilt = float(np.clip(rng.normal(0, most / 2), -most, most))
        if np.isfinite(within):
            image, faces, middle = _cut(image, faces, middle, within / side * face_px)
        return _place(scene, image, faces, affine(side / face_px, tilt, middle, centre))

    def _background(self, rng: np.random.Generator) -> Scene:
        side = self._recipe.canvas_px
        if rng.random() < 0.3:
            return Scene(draw_background(side, rng), _no_faces())
        picture = self._empty[rng.integers(len(self._empty))]
        image = self._cache.image(picture)
        height, width = image.shape[:2]
        cut = int(rng.uniform(0.3, 1.0) * min(height, width))
        x, y = rng.integers(0, width - cut + 1), rng.integers(0, height - cut + 1)
        piece = Image.fromarray(image[y : y + cut, x : x + cut])
        filled = piece.resize((side, side), Image.Resampling.BILINEAR)
        return Scene(np.array(filled), _no_faces())

    def _covered(self, scene: Scene, box: FloatArray, rng: np.random.Generator) -> Scene:
        """Something in front of the face: less than half of it, at one side."""
        image = scene.image.copy()
        size = box[2:] - box[:2]
        share = rng.uniform(0.15, 0.4)
        axis, far = int(rng.integers(2)), bool(rng.integers(2))
        part = box.astype(np.float64)
        if far:
            part[axis] = part[axis + 2] - share * size[axis]
        else:
            part[axis + 2] = part[axis] + share * size[axis]
        x0, y0, x1, y1 = _grown(part, 1.1, image.shape)
        if x1 > x0 and y1 > y0:
            if rng.random() < 0.5:
                image[y0:y1, x0:x1] = rng.integers(0, 256, 3)
            else:
                image[y0:y1, x0:x1] = self._background(rng).image[y0:y1, x0:x1]
        return Scene(image, scene.faces)

    def _degraded(self, scene: Scene, rng: np.random.Generator) -> Scene:
        image = scene.image
        if rng.random() < 0.12:
            image = relight(image, rng.uniform(0.15, 0.7), rng.uniform(0.8, 1.6))
        if rng.random() < 0.1:
            image = blur(image, rng.uniform(0.8, 2.5))
        if rng.random() < 0.6:
            image = random_path(image, rng, AUGMENTATIONS["forensic"])
        return Scene(image, scene.faces)


def draw_background(side: int, rng: np.random.Generator) -> UInt8Array:
    """Flat colours, gradients, stripes, noise, discs and letters: [side, side, 3] uint8."""
    ramp = np.linspace(0, 1, side, dtype=np.float32)
    first, second = rng.integers(0, 256, (2, 3)).astype(np.float32)
    weight = ramp[:, None] if rng.random() < 0.5 else ramp[None, :]
    if rng.random() < 0.3:
        weight = (np.sin(weight * rng.uniform(5, 200)) + 1) / 2
    image = first + (second - first) * np.broadcast_to(weight, (side, side))[..., None]
    if rng.random() < 0.5:
        image = image + rng.normal(0, rng.uniform(1, 40), (side, side, 1))
    canvas = Image.fromarray(image.round().clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(0, 12))):
        x, y = rng.uniform(-20, side, 2)
        w, h = rng.uniform(4, side / 2, 2)
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        match int(rng.integers(4)):
            case 0:
                pen.ellipse((x, y, x + w, y + h), fill=colour)
            case 1:
                pen.rectangle((x, y, x + w, y + h), fill=colour)
            case 2:
                pen.line((x, y, x + w, y + h), fill=colour, width=int(rng.integers(1, 9)))
            case _:
                letters = "".join(chr(int(c)) for c in rng.integers(33, 126, 12))
                pen.text((x, y), letters, fill=colour, font_size=float(rng.uniform(8, 48)))
    return np.array(canvas)


def as_rows(faces: Faces) -> FloatArray:
    """The fixed table that a batch is made of; see `FinderSamples`."""
    rows = np.zeros((MAX_FACES, 15), np.float32)
    size = faces.boxes_xyxy[:, 2:] - faces.boxes_xyxy[:, :2]
    order = np.argsort(-size.prod(axis=1))[:MAX_FACES]
    rows[: len(order), 0] = np.where(faces.sure[order], 1, 2)
    rows[: len(order), 1:5] = faces.boxes_xyxy[order]
    rows[: len(order), 5:] = faces.landmarks[order].reshape(-1, 10)
    return rows


def _place(scene: Scene, image: UInt8Array, faces: Faces, matrix: Affine) -> Scene:
    """Warp a picture onto the scene; what it hides there is no longer a face to be found."""
    height, width = scene.image.shape[:2]
    shrink = max(1, int(1 / max(np.hypot(matrix[0, 0], matrix[1, 0]), 1e-3)))
    small = np.asarray(Image.fromarray(image).reduce(shrink)) if shrink > 1 else image
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32) * image.shape[1::-1]
    onto = move_points(corners, matrix)
    x0, y0 = np.floor(onto.min(axis=0)).clip(0, [width, height]).astype(int)
    x1, y1 = np.ceil(onto.max(axis=0)).clip(0, [width, height]).astype(int)
    if x1 <= x0 or y1 <= y0:
        return scene
    shifted = matrix - np.array([[0, 0, x0], [0, 0, y0]])
    shifted[:, :2] *= shrink
    size, back = (x1 - x0, y1 - y0), tuple(inverse(shifted).reshape(-1))
    warped = Image.fromarray(small).transform(
        size, Image.Transform.AFFINE, back, resample=Image.Resampling.BILINEAR
    )
    solid = Image.new("L", (small.shape[1], small.shape[0]), 255)
    there = np.asarray(solid.transform(size, Image.Transform.AFFINE, back)) > 0
    canvas = scene.image.copy()
    canvas[y0:y1, x0:x1][there] = np.asarray(warped)[there]
    covered = np.zeros((height, width), bool)
    covered[y0:y1, x0:x1] = there
    behind = _hidden(scene.faces, covered)
    return Scene(canvas, _joined(behind, _moved(faces, matrix, (width, height))))


def _moved(faces: Faces, matrix: Affine, size_wh: tuple[int, int]) -> Faces:
    """Faces after an affine map, as far as the canvas goes."""
    moved = move_boxes(faces.boxes_xyxy, matrix)
    landmarks = move_points(faces.landmarks, matrix)
    limit = np.array([*size_wh, *size_wh], np.float32)
    inside = moved.clip(0, limit)
    area = (moved[:, 2:] - moved[:, :2]).prod(axis=1)
    left = (inside[:, 2:] - inside[:, :2]).prod(axis=1)
    visible = left / np.maximum(area, 1e-6)
    size = (inside[:, 2:] - inside[:, :2]).max(axis=1, initial=0)
    sure = faces.sure & (visible >= LEAST_VISIBLE) & (size >= LEAST_PX)
    kept = Faces(inside, landmarks, sure)
    return kept.at((visible > 0.02) & (size > 2))


def _hidden(faces: Faces, covered: npt.NDArray[np.bool_]) -> Faces:
    """Faces more than half covered go; those a little covered are neither face nor background."""
    if not len(faces.sure):
        return faces
    shares = []
    for box in faces.boxes_xyxy:
        x0, y0, x1, y1 = _grown(box, 1.0, covered.shape)
        part = covered[y0:y1, x0:x1]
        shares.append(float(part.mean()) if part.size else 0.0)
    share = np.array(shares)
    return replace(faces, sure=faces.sure & (share < 0.3)).at(share < 0.7)


def _joined(first: Faces, second: Faces) -> Faces:
    return Faces(
        np.concatenate([first.boxes_xyxy, second.boxes_xyxy]),
        np.concatenate([first.landmarks, second.landmarks]),
        np.concatenate([first.sure, second.sure]),
    )


def _no_faces() -> Faces:
    return Faces(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, bool))


def _faces(picture: LabelledPicture) -> Faces:
    found = picture.faces
    return Faces(found.boxes_xyxy, found.landmarks, found.scores >= SURE)


def _mirror(image: UInt8Array, faces: Faces) -> tuple[UInt8Array, Faces]:
    width = image.shape[1]
    boxes = faces.boxes_xyxy.copy()
    boxes[:, [0, 2]] = width - faces.boxes_xyxy[:, [2, 0]]
    landmarks = faces.landmarks[:, MIRRORED].copy()
    landmarks[..., 0] = width - landmarks[..., 0]
    return image[:, ::-1], Faces(boxes, landmarks, faces.sure)


def _cut(
    image: UInt8Array, faces: Faces, middle: FloatArray, side: float
) -> tuple[UInt8Array, Faces, FloatArray]:
    """A square of the picture around a point, as far as the picture goes."""
    height, width = image.shape[:2]
    x0, y0 = (max(0, int(v - side / 2)) for v in middle)
    x1, y1 = min(width, int(middle[0] + side / 2) + 1), min(height, int(middle[1] + side / 2) + 1)
    corner = np.array([x0, y0], np.float32)
    matrix = np.array([[1.0, 0.0, -x0], [0.0, 1.0, -y0]])
    return image[y0:y1, x0:x1], _moved(faces, matrix, (x1 - x0, y1 - y0)), middle - corner


def _grown(box: npt.NDArray[np.floating], by: float, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The box about its middle, in whole pixels inside a picture [H, W, ...]."""
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * by
    low = np.floor(middle - half).clip(0).astype(int)
    high = np.ceil(middle + half).clip(0, [shape[1], shape[0]]).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _source(picture: LabelledPicture) -> str:
    return picture.source


def _is_scene(picture: LabelledPicture) -> bool:
    """Faces with room around them, as in a photo of people or a frame of a clip."""
    sure = picture.faces.boxes_xyxy[picture.faces.scores >= SURE]
    sides = (sure[:, 2:] - sure[:, :2]).max(axis=1, initial=0)
    return len(sure) > 0 and bool((sides < 0.3 * max(picture.height, picture.width)).any())
