"""Train a detector."""

from pathlib import Path

import torch
from torch import Tensor, nn

from facetell.data.crops import CropCache
from facetell.errors import DataError
from facetell.train.adversarial import harden
from facetell.train.dataset import TrainingSamples, ValidationSamples
from facetell.train.distill import Teachers
from facetell.train.loop import Machine, Watcher, fit
from facetell.train.networks.detector import Detector
from facetell.train.networks.start import built
from facetell.train.recipe import Recipe

STATISTICS_OF = 256
"""Crops from which a normalisation that is given back takes its statistics."""


def train_detector(
    cache: CropCache,
    recipe: Recipe,
    run: Path,
    *,
    machine: Machine = Machine(),  # noqa: B008 - frozen
    on_step: Watcher = lambda progress: None,
) -> Detector:
    """Train by `recipe`; see `facetell.train.loop.fit`. Where the cache holds val pictures, their
    AUC is followed."""
    torch.manual_seed(recipe.seed)

    teachers = Teachers(recipe.teachers, recipe.crop) if recipe.teachers else None
    reach = recipe.adversarial / torch.tensor(recipe.crop.std)[:, None, None]

    def cross_entropy(net: nn.Module, crops: Tensor, wanted: Tensor) -> Tensor:
        logit, _ = net(crops)
        return nn.functional.binary_cross_entropy_with_logits(logit, wanted)

    def loss(net: nn.Module, crops: Tensor, labels: Tensor) -> Tensor:
        wanted = labels * (1 - recipe.label_smoothing) + recipe.label_smoothing / 2
        if teachers:
            wanted = torch.lerp(wanted, teachers.p_fake(crops, labels), recipe.distilled)
        if recipe.adversarial:
            crops = harden(net, cross_entropy, crops, wanted, reach.to(crops.device))
        return cross_entropy(net, crops, wanted)

    def first_crops() -> Tensor:
        first = TrainingSamples(cache, recipe, 0, STATISTICS_OF)
        return torch.stack([first[number][0] for number in range(STATISTICS_OF)])

    val = ValidationSamples(cache, recipe)
    if not len(val) and (recipe.patience or recipe.schedule == "plateau" or recipe.keep == "best"):
        raise DataError(
            "patience, schedule=plateau and keep=best follow the val split, and there is none",
            hint="give data with a val split: facetell data split",
        )
    return fit(
        built(recipe.architecture, recipe.size_px, recipe.pretrained, recipe.folded, first_crops),
        lambda first, end: TrainingSamples(cache, recipe, first, end),
        loss,
        recipe,
        run,
        val=val if len(val) else None,
        machine=machine,
        on_step=on_step,
    )
