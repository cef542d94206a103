"""Training samples, drawn from a crop cache by number.

Sample k of a run depends on (seed, k) alone: resuming, the number of workers and the batch size
change nothing about it. Even numbers are real, odd ones fake; within a label each source counts by
the root of its size, so that no large source becomes the task.
"""

from collections import defaultdict

import numpy as np
import torch
from torch.utils.data import Dataset

from facetell.data.crops import CachedRegion, CropCache
from facetell.data.degrade import random_path, random_shrink
from facetell.detect.align import Square
from facetell.detect.crop import cut_region, cut_square, place_crop, to_tensor
from facetell.errors import DataError
from facetell.train.recipe import Recipe
from facetell.types import BoxXYXY, FloatArray, UInt8Array

MAX_SHIFT = 0.05
"""Largest random shift of the crop, as a share of its side."""
MAX_TURN_DEG, TURNED = 12.0, 0.25
"""Largest random turn, and the share of the crops that get one."""
ZOOM = (0.88, 1.15)


class TrainingSamples(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Sample k -> (tensor [3, S, S] float32, label [] float32)."""

    def __init__(self, cache: CropCache, recipe: Recipe, first: int = 0) -> None:
        self._cache = cache
        self._recipe = recipe
        self._first = first
        self._sources = [_by_source(cache, label, recipe) for label in (0, 1)]

    def __len__(self) -> int:
        return self._recipe.samples - self._first

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        number = self._first + index
        rng = np.random.default_rng([self._recipe.seed, number])
        label = number % 2
        sources, weights = self._sources[label]
        regions = sources[rng.choice(len(sources), p=weights)]
        region = regions[rng.integers(len(regions))]
        image = self._cache.image(region)
        crop = augmented_crop(image, region.box_xyxy, region.landmarks, self._recipe, rng)
        tensor = torch.from_numpy(to_tensor(crop[None], self._recipe.crop)[0])
        return tensor, torch.tensor(float(label))


def augmented_crop(
    image: UInt8Array,
    box_xyxy: BoxXYXY,
    landmarks: FloatArray,
    recipe: Recipe,
    rng: np.random.Generator,
) -> UInt8Array:
    """One random view of a face: moved, shrunk, sent through the web, cut, perhaps mirrored.

    The order is that of real life: the picture is degraded first and cut by what the finder says
    after.
    """
    size_wh = image.shape[1], image.shape[0]
    square = place_crop(box_xyxy, landmarks, recipe.crop, size_wh)
    square = _jitter(square, rng).kept_inside(size_wh, least=square.side / recipe.margin)
    around = square.bounds_xyxy
    region, inside = cut_region(image, around)
    small = random_shrink(region, rng, recipe.crop_px_range)
    shift_xy = inside[0] - around[0], inside[1] - around[1]
    there = square.scaled(small.shape[1] / region.shape[1], shift_xy)
    crop = cut_square(random_path(small, rng), there, recipe.size_px, recipe.crop.resample)
    return crop[:, ::-1].copy() if rng.random() < 0.5 else crop


def _jitter(square: Square, rng: np.random.Generator) -> Square:
    """Moved, zoomed and sometimes turned a little, so that being turned upright is no sign."""
    shift = rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2) * square.side
    tilt = rng.uniform(-MAX_TURN_DEG, MAX_TURN_DEG) if rng.random() < TURNED else 0.0
    centre = square.centre_xy[0] + shift[0], square.centre_xy[1] + shift[1]
    return Square(centre, square.side * rng.uniform(*ZOOM), square.tilt_deg + tilt)


def _by_source(
    cache: CropCache, label: int, recipe: Recipe
) -> tuple[list[list[CachedRegion]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    sources: defaultdict[str, list[CachedRegion]] = defaultdict(list)
    for region in cache.regions:
        if region.sample.split == "train" and region.sample.label == label:
            sources[region.sample.source].append(region)
    if not sources:
        raise DataError(
            f"the crop cache holds no {('real', 'fake')[label]} picture of the train split",
            hint="both labels are needed; look at the manifest's label and split columns",
        )
    names = sorted(sources)
    weights = np.array([len(sources[n]) ** 0.5 * recipe.boost.get(n, 1.0) for n in names])
    return [sources[name] for name in names], weights / weights.sum()
