"""Scenes for the face finder, drawn by number from labelled pictures.

Sample k depends on (seed, k) alone. A scene is one portrait that fills it, a piece of a large
one, a background without faces and on it one portrait or a mosaic of them, or a natural scene with
a few pasted in; then things stand in front of faces, and the whole goes a random way through the
web.
"""

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw
from torch.utils.data import Dataset

from facetell.data.degrade import AUGMENTATIONS, blur, random_path, relight
from facetell.data.labels import LabelCache, LabelledPicture
from facetell.data.warp import affine
from facetell.errors import DataError
from facetell.train.finder_recipe import FinderRecipe
from facetell.train.pool import Pool
from facetell.train.scene import Faces, Scene, cut_around, grown, mirror, no_faces, place
from facetell.types import FloatArray, UInt8Array

MAX_FACES = 40
"""Faces of one scene; what is beyond them is not learnt."""
SURE = 0.5
"""Teacher's score from which a face is a face; below, it is neither face nor background."""


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
        ways = [self._full, self._close, self._one, self._mosaic, self._natural, self._nobody]
        draw = ways[int(rng.choice(len(ways), p=[0.27, 0.1, 0.2, 0.16, 0.15, 0.12]))]
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
            image, faces = mirror(image, faces)
        canvas = self._recipe.canvas_px
        zoom = canvas / min(image.shape[:2]) * float(rng.uniform(0.85, 1.5))
        slack = np.maximum(0, np.array(image.shape[1::-1]) - canvas / zoom) / 2
        centre = np.array(image.shape[1::-1]) / 2 + rng.uniform(-1, 1, 2) * slack
        tilt = rng.normal(0, 12) if rng.random() < 0.4 else 0.0
        matrix = affine(zoom, tilt, centre, (canvas / 2, canvas / 2))
        return place(self._background(rng), image, faces, matrix)

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
        return place(self._background(rng), image, faces, matrix)

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
            x0, y0, x1, y1 = grown(box, 1.15, image.shape)
            image[y0:y1, x0:x1] = cover[y0:y1, x0:x1]
        return Scene(image, no_faces())

    def _whole_picture(self, rng: np.random.Generator) -> Scene:
        picture = self._natural_scenes.draw(rng)
        canvas = self._recipe.canvas_px
        zoom = float(np.exp(rng.uniform(np.log(0.5), np.log(1.6)))) * canvas / 512
        zoom = max(zoom, 0.6 * canvas / max(picture.height, picture.width))
        centre = np.array([picture.width, picture.height]) * rng.uniform(0.3, 0.7, 2)
        matrix = affine(zoom, 0.0, centre, np.full(2, canvas / 2))
        return place(self._background(rng), self._cache.image(picture), _faces(picture), matrix)

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
            image, faces = mirror(image, faces)
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
            image, faces, middle = cut_around(image, faces, middle, within / side * face_px)
        return place(scene, image, faces, affine(side / face_px, tilt, middle, centre))

    def _background(self, rng: np.random.Generator) -> Scene:
        side = self._recipe.canvas_px
        if rng.random() < 0.3:
            return Scene(draw_background(side, rng), no_faces())
        picture = self._empty[rng.integers(len(self._empty))]
        image = self._cache.image(picture)
        height, width = image.shape[:2]
        cut = int(rng.uniform(0.3, 1.0) * min(height, width))
        x, y = rng.integers(0, width - cut + 1), rng.integers(0, height - cut + 1)
        piece = Image.fromarray(image[y : y + cut, x : x + cut])
        filled = piece.resize((side, side), Image.Resampling.BILINEAR)
        return Scene(np.array(filled), no_faces())

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
        x0, y0, x1, y1 = grown(part, 1.1, image.shape)
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


def _faces(picture: LabelledPicture) -> Faces:
    found = picture.faces
    return Faces(found.boxes_xyxy, found.landmarks, found.scores >= SURE)


def _source(picture: LabelledPicture) -> str:
    return picture.source


def _is_scene(picture: LabelledPicture) -> bool:
    """Faces with room around them, as in a photo of people or a frame of a clip."""
    sure = picture.faces.boxes_xyxy[picture.faces.scores >= SURE]
    sides = (sure[:, 2:] - sure[:, :2]).max(axis=1, initial=0)
    return len(sure) > 0 and bool((sides < 0.3 * max(picture.height, picture.width)).any())
