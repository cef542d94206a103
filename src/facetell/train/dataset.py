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
from facetell.detect.crop import crop_face, cut_region, square_around, to_tensor
from facetell.errors import DataError
from facetell.train.recipe import Recipe
from facetell.types import BoxXYXY, UInt8Array

MAX_SHIFT = 0.06
"""Largest random shift of the face box, as a share of its longer side."""
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
        crop = augmented_crop(self._cache.image(region), region.box_xyxy, self._recipe, rng)
        tensor = torch.from_numpy(to_tensor(crop[None], self._recipe.crop)[0])
        return tensor, torch.tensor(float(label))


def augmented_crop(
    image: UInt8Array, box_xyxy: BoxXYXY, recipe: Recipe, rng: np.random.Generator
) -> UInt8Array:
    """One random view of a face: moved, shrunk, sent through the web, cut, perhaps mirrored.

    The order is that of real life: the picture is degraded first and cut by the finder's box after.
    """
    box = _jitter(box_xyxy, rng)
    around = square_around(box, recipe.margin, (image.shape[1], image.shape[0]))
    region, inside = cut_region(image, around)
    small = random_shrink(region, rng, recipe.crop_px_range)
    scale = small.shape[1] / region.shape[1]
    x, y = inside[0] - around[0], inside[1] - around[1]
    face = np.array([box[0] + x, box[1] + y, box[2] + x, box[3] + y]) * scale
    crop = crop_face(random_path(small, rng), face.tolist(), recipe.crop)
    return crop[:, ::-1].copy() if rng.random() < 0.5 else crop


def _jitter(box_xyxy: BoxXYXY, rng: np.random.Generator) -> BoxXYXY:
    x0, y0, x1, y1 = box_xyxy
    side = max(x1 - x0, y1 - y0)
    cx = (x0 + x1) / 2 + rng.uniform(-MAX_SHIFT, MAX_SHIFT) * side
    cy = (y0 + y1) / 2 + rng.uniform(-MAX_SHIFT, MAX_SHIFT) * side
    zoom = rng.uniform(*ZOOM)
    w, h = (x1 - x0) * zoom / 2, (y1 - y0) * zoom / 2
    return cx - w, cy - h, cx + w, cy + h


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
