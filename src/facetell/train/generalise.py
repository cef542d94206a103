"""Train again and again, each time on other fakes, and score the same test pictures."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from facetell.data.crops import CropCache
from facetell.data.degrade import TIERS
from facetell.detect.crop import crop_face, to_tensor
from facetell.errors import DataError
from facetell.evaluate.generalisation import Matrix, Plan, matrix
from facetell.evaluate.score import Score, read_scores, unjudged, write_scores
from facetell.evaluate.subjects import unique_name
from facetell.train.detector import train_detector
from facetell.train.learnt import learnt_before
from facetell.train.loop import Machine, Watcher, keep_recipe
from facetell.train.networks.detector import Detector
from facetell.train.recipe import Recipe
from facetell.train.run_folder import check_same, write_facts
from facetell.types import Status

SCORES_NAME = "scores.csv"
BATCH = 32


def generalise(
    chosen: Plan,
    cache: CropCache,
    recipe: Recipe,
    tier: str,
    out: Path,
    *,
    machine: Machine,
    on_row: Callable[[str], None] = lambda row: None,
    on_step: Watcher = lambda progress: None,
) -> Matrix:
    """Train once for every row of the plan, each in a folder of its own; what is done already is
    not done again.

    on_row: called when a training begins, with its name. Raises DataError where a row in `out` is
    of another recipe, or was tested on other pictures or in another tier; and where the recipe
    starts from, or is taught by, what has learnt from a kind that is to be unseen.
    """
    _check_unseen(chosen, cache, recipe)
    scores = {}
    test = cache.only(lambda sample: sample.split == "test")
    tested = {str(region.sample.path) for region in test.regions}
    for row, name in folder_names(chosen.rows).items():
        folder = out / "runs" / name
        path = folder / SCORES_NAME
        keep_recipe(recipe, folder)
        learnt = cache.only(chosen.learns(row))
        check_same(folder, learnt, machine)
        if not path.exists():
            on_row(row)
            write_facts(folder, learnt, machine, recipe)
            net = train_detector(learnt, recipe, folder, machine=machine, on_step=on_step)
            part = path.with_suffix(".part")
            write_scores(score_regions(net, test, recipe, tier), part)
            part.replace(path)
        scores[row] = read_scores(path)
        if {str(s.path) for s in scores[row]} != tested or {s.tier for s in scores[row]} != {tier}:
            raise DataError(
                f"{path} is of other test pictures or another tier", hint="name another --out"
            )
    return matrix(chosen, scores)


def folder_names(rows: Iterable[str]) -> dict[str, str]:
    """By row, plain, and no two the same."""
    names: dict[str, str] = {}
    for row in rows:
        names[row] = unique_name(row.replace(" ", "-").replace("/", "_"), names.values())
    return names


def _check_unseen(chosen: Plan, cache: CropCache, recipe: Recipe) -> None:
    before = learnt_before(recipe)
    fakes = [r.sample for r in cache.regions if r.sample.label and r.sample.split == "train"]
    for row in chosen.rows:
        learns = chosen.learns(row)
        unseen = {sample.source for sample in fakes if not learns(sample)}
        for file, counts in before.items():
            if seen := sorted(unseen & {source for source, count in counts.items() if count}):
                raise DataError(
                    f"{file} has learnt from {seen[0]}, which is left out of the row {row}",
                    hint="start from weights that saw no such fakes, without such teachers",
                )


def score_regions(net: Detector, cache: CropCache, recipe: Recipe, tier: str) -> list[Score]:
    """What an uncalibrated network says of the cached faces, degraded as `tier` says: log_odds is
    its logit, and there is no verdict."""
    rows = []
    for start in range(0, len(cache.regions), BATCH):
        regions = cache.regions[start : start + BATCH]
        crops = [
            crop_face(TIERS[tier](cache.image(r)), r.box_xyxy, recipe.crop, r.landmarks)
            for r in regions
        ]
        with torch.no_grad():
            logits, _ = net(torch.from_numpy(to_tensor(np.stack(crops), recipe.crop)))
        for region, logit in zip(regions, logits.tolist(), strict=True):
            p_fake = float(1 / (1 + np.exp(-logit)))
            row = unjudged(region.sample, tier)
            rows.append(replace(row, status=Status.OK, log_odds=logit, p_fake=p_fake))
    return rows
