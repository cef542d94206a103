"""Training samples, drawn from a crop cache by number.

Sample k of a run depends on (seed, k) alone: resuming, the number of workers and the batch size
change nothing about it. Even numbers are real, odd ones fake; within a label each source counts by
the root of its size, so that no large source becomes the task.

Samples 2j and 2j + 1 are a pair, of one of three kinds, in the shares that the recipe gives.
*Strangers* have nothing in common. *Twins* are a real and a fake picture of one group (a video and
its face swap, a photo and its regenerated copy), *blends* a real picture and the self-blend made of
it; these go through the same augmentation, so that only the forgery tells them apart (aligned data:
Rajan et al. 2024, https://arxiv.org/abs/2410.11835).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from facetell.data.crops import CachedRegion, CropCache
from facetell.data.degrade import (
    TIERS,
    Augmentation,
    random_cut_out,
    random_path,
    random_shrink,
)
from facetell.data.forge import self_blend
from facetell.data.twins import real_twin
from facetell.detect.align import Square
from facetell.detect.crop import (
    crop_face,
    cut_region,
    cut_square,
    face_square,
    place_crop,
    to_tensor,
)
from facetell.errors import DataError
from facetell.train.pool import Pool
from facetell.train.recipe import Recipe
from facetell.types import BoxXYXY, FloatArray, UInt8Array

VAL_SAMPLES = 1000


class TrainingSamples(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Sample k -> (tensor [3, S, S] float32, label [] float32), for `first` <= k < `end`."""

    def __init__(self, cache: CropCache, recipe: Recipe, first: int, end: int) -> None:
        self._cache = cache
        self._recipe = recipe
        self._first, self._end = first, end
        regions = [region for region in cache.regions if region.sample.split == "train"]
        self._by_label = [_pool(regions, label, recipe.boost) for label in (0, 1)]
        self._twins = _twins(regions, recipe)

    def __len__(self) -> int:
        return self._end - self._first

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        number = self._first + index
        pair, label = divmod(number, 2)
        together = np.random.default_rng([self._recipe.seed, pair, 2])
        which = together.random()
        if which < self._recipe.twins:
            rng = together
            region = self._draw_twin(label, rng)
            image = self._cache.image(region)
        elif which < self._recipe.twins + self._recipe.blends:
            rng = together
            region = self._by_label[0].draw(rng)
            image = self._cache.image(region)
            if label:
                apart = np.random.default_rng([self._recipe.seed, pair, 3])
                image = self_blend(image, region.landmarks, apart)
        else:
            rng = np.random.default_rng([self._recipe.seed, number])
            region = self._by_label[label].draw(rng)
            image = self._cache.image(region)
        crop = augmented_crop(image, region.box_xyxy, region.landmarks, self._recipe, rng)
        tensor = torch.from_numpy(to_tensor(crop[None], self._recipe.crop)[0])
        return tensor, torch.tensor(float(label))

    def _draw_twin(self, label: int, rng: np.random.Generator) -> CachedRegion:
        """One of the two; both draw alike."""
        assert self._twins is not None
        pair = self._twins.draw(rng)
        ways = rng.random(2)
        choices = pair[label]
        return choices[int(ways[label] * len(choices))]


class ValidationSamples(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Up to VAL_SAMPLES crops of the val split, half of them fake, drawn by source as in training;
    cut as in judging, from pictures of the tier web. Empty where a label has none."""

    def __init__(self, cache: CropCache, recipe: Recipe) -> None:
        self._cache = cache
        self._crop = recipe.crop
        regions = [region for region in cache.regions if region.sample.split == "val"]
        self._chosen: list[CachedRegion] = []
        if {region.sample.label for region in regions} == {0, 1}:
            pools = [_pool(regions, label, recipe.boost) for label in (0, 1)]
            count = min(VAL_SAMPLES, 2 * len(regions))
            self._chosen = [
                pools[number % 2].draw(np.random.default_rng(number)) for number in range(count)
            ]

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        region = self._chosen[index]
        image = TIERS["web"](self._cache.image(region))
        crop = crop_face(image, region.box_xyxy, self._crop, region.landmarks)
        tensor = torch.from_numpy(to_tensor(crop[None], self._crop)[0])
        return tensor, torch.tensor(float(region.sample.label))


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
    how = recipe.augmentation
    square = place_crop(box_xyxy, landmarks, recipe.crop, size_wh)
    length = face_square(box_xyxy, landmarks, recipe.crop).side
    square = _jitter(square, how, rng).kept_inside(size_wh, least=length)
    around = square.bounds_xyxy
    region, inside = cut_region(image, around)
    small = random_shrink(region, rng, how)
    shift_xy = inside[0] - around[0], inside[1] - around[1]
    there = square.scaled(small.shape[1] / region.shape[1], shift_xy)
    crop = cut_square(random_path(small, rng, how), there, recipe.size_px, recipe.crop.resample)
    crop = random_cut_out(crop, rng, how)
    return crop[:, ::-1].copy() if rng.random() < how.mirrored else crop


def _jitter(square: Square, how: Augmentation, rng: np.random.Generator) -> Square:
    """Moved, zoomed and sometimes turned a little, so that being turned upright is no sign."""
    shift = rng.uniform(-how.shift, how.shift, 2) * square.side
    tilt = rng.uniform(-how.turn_deg, how.turn_deg) if rng.random() < how.turned else 0.0
    centre = square.centre_xy[0] + shift[0], square.centre_xy[1] + shift[1]
    return Square(centre, square.side * rng.uniform(*how.zoom), square.tilt_deg + tilt)


def _pool(
    regions: Sequence[CachedRegion], label: int, boost: Mapping[str, float]
) -> Pool[CachedRegion]:
    chosen = [region for region in regions if region.sample.label == label]
    if not chosen:
        raise DataError(
            f"the crop cache holds no {('real', 'fake')[label]} picture of the train split",
            hint="both labels are needed; look at the manifest's label and split columns",
        )
    return Pool(chosen, lambda region: region.sample.source, boost)


Twins = tuple[list[CachedRegion], list[CachedRegion]]
"""The real and the fake pictures of one group."""


def _beside(group: Twins) -> list[Twins]:
    """A group's fakes, each with the real that `data forge` has written for it; the others by
    folder, with the reals beside them, without such with those beside no fakes, else with all."""
    originals = {_without_suffix(real): real for real in group[0]}
    written: list[Twins] = []
    folders: defaultdict[Path, Twins] = defaultdict(lambda: ([], []))
    for fake in group[1]:
        if real := originals.pop(real_twin(_without_suffix(fake)), None):
            written.append(([real], [fake]))
        else:
            folders[fake.sample.path.parent][1].append(fake)
    for real in originals.values():
        folders[real.sample.path.parent][0].append(real)
    apart = [real for reals, fakes in folders.values() if not fakes for real in reals]
    pairs = [(reals or apart or group[0], fakes) for reals, fakes in folders.values() if fakes]
    return written + [pair for pair in pairs if all(pair)]


def _without_suffix(region: CachedRegion) -> Path:
    return region.sample.path.with_suffix("")


def _twins(regions: Sequence[CachedRegion], recipe: Recipe) -> Pool[Twins] | None:
    """Groups that hold both, by the source of their first fake; None where none are wanted."""
    if not recipe.twins:
        return None
    groups: defaultdict[str, Twins] = defaultdict(lambda: ([], []))
    for region in regions:
        groups[region.sample.group][region.sample.label].append(region)
    pairs = [pair for group in groups.values() for pair in _beside(group)]
    if not pairs:
        raise DataError(
            "the crop cache holds no group with a real and a fake picture, and the recipe asks "
            f"for {recipe.twins:.0%} twins",
            hint="train with --set twins=0, or give data whose manifest has such groups",
        )
    return Pool(pairs, lambda pair: pair[1][0].sample.source, recipe.boost)
