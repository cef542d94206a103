"""What a run folder tells, beside its checkpoints and logs: on what and with what it was made."""

import hashlib
import json
import os
import platform
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from facetell._version import __version__
from facetell.data.crops import CropCache
from facetell.data.manifest import Sample, groups_of_both
from facetell.detect.card import ModelCard
from facetell.errors import DataError
from facetell.evaluate.page import write_json
from facetell.evaluate.plots import plot_curves
from facetell.evaluate.runs import (
    CURVES_NAME,
    ENVIRONMENT_NAME,
    METRICS_NAME,
    read_run,
)
from facetell.train.checkpoints import has_begun, steps_of_kept
from facetell.train.learnt import (
    DATA_NAME,
    Learnt,
    learnt_from,
    pictures_by_source,
    read_learnt,
)
from facetell.train.loop import Machine
from facetell.train.optimisation import Keep
from facetell.train.recipe import Recipe

PACKAGES = ("torch", "lightning", "timm", "numpy", "pillow", "onnx", "onnxruntime")


def check_calibrates(held_out: Sequence[Sample]) -> None:
    """Raises DataError where a model cannot be calibrated on these."""
    if not held_out:
        raise DataError(
            "there is no val split, and a model must be calibrated on one",
            hint="divide the data with facetell data split, or name more with --val",
        )
    if len({sample.label for sample in held_out}) < 2:
        raise DataError(
            "the val split holds one label alone, and a model is calibrated on both",
            hint="divide the data with facetell data split, or name more with --val",
        )


def check_held_out(held_out: Sequence[Sample], cache: CropCache) -> None:
    """Raises DataError where a picture, or a group, is learnt from that is to calibrate."""
    learnt = [r.sample for r in cache.regions if r.sample.split == "train"]
    paths = {sample.path.resolve() for sample in learnt}
    if shared := [s.path for s in held_out if s.path.resolve() in paths]:
        raise DataError(
            f"{len(shared)} pictures are to be learnt from and to calibrate, such as {shared[0]}",
            hint="was the cache filled before the data were divided? Give DATA beside --cache",
        )
    if groups := sorted(groups_of_both(learnt, held_out)):
        raise DataError(
            f"{len(groups)} groups are to be learnt from and to calibrate, such as {groups[0]}",
            hint="a group is one clip or person; divide the data with facetell data split",
        )


def check_same(run: Path, cache: CropCache, machine: Machine) -> None:
    """Raises DataError where a run folder tells of other pictures, each of which is drawn by its
    number among them, or of another number of devices: samples are counted in steps."""
    if not _is_of(run, cache):
        raise DataError(
            f"{run} learnt from other data", hint="give the same, or name another --out"
        )
    if _devices(run) not in (None, machine.devices * machine.nodes):
        raise DataError(
            f"{run} was begun on another number of devices",
            hint="give the same, or name another --out",
        )


def write_facts(run: Path, cache: CropCache, machine: Machine, recipe: Recipe) -> Learnt:
    """Write environment.json, and data.json with a hash of every path, label, split, group and cut,
    and with what the network comes from, which is returned: of a run that goes on, as it was told
    when it began. Raises DataError where that was not the same; see `check_same`.
    """
    if has_begun(run):
        check_same(run, cache, machine)
    run.mkdir(parents=True, exist_ok=True)
    environment: dict[str, Any] = {
        "facetell": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "gpus": [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())],
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "machine": asdict(machine),
        "arguments": sys.argv[1:],
    }
    write_json(environment, run / ENVIRONMENT_NAME)
    counts = Counter(f"{r.sample.split}/{('real', 'fake')[r.sample.label]}" for r in cache.regions)
    if has_begun(run):
        learnt = read_learnt(run, recipe)
    else:
        learnt = learnt_from(recipe, pictures_by_source(cache))
    data = {
        "sha256": _digest(cache),
        "pictures": dict(sorted(counts.items())),
        **asdict(learnt),
    }
    write_json(data, run / DATA_NAME)
    return learnt


def _digest(cache: CropCache) -> str:
    digest = hashlib.sha256()
    for region in cache.regions:
        sample = region.sample
        told = (sample.path.name, sample.label, sample.split, sample.source, sample.group)
        cut = (region.height, region.width, *region.box_xyxy)
        digest.update(repr((told, cut)).encode())
    return digest.hexdigest()


def _is_of(run: Path, cache: CropCache) -> bool:
    """Whether a run learns from these pictures. True where its folder does not say."""
    try:
        told = json.loads((run / DATA_NAME).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return True
    return bool(told == _digest(cache))


def as_kept(run: Path, recipe: Recipe, keep: Keep) -> Recipe:
    """The recipe of the weights that a run kept: those of the best look may be of half-way."""
    steps = steps_of_kept(run, recipe, keep)
    seen = steps * recipe.batch_size * (_devices(run) or 1)
    return replace(recipe, keep=keep, samples=min(recipe.samples, seen))


def _devices(run: Path) -> int | None:
    """On how many devices a run has begun; None where its folder does not say."""
    try:
        told = json.loads((run / ENVIRONMENT_NAME).read_text(encoding="utf-8"))["machine"]
        return int(told["devices"] * told["nodes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_results(run: Path, card: ModelCard) -> None:
    """Write metrics.json and the curves."""
    history = read_run(run)
    content = {
        "best_val_auc": history.best_auc,
        "steps": history.steps,
        "val": [row.model_dump() for row in card.metrics],
        "thresholds": card.thresholds.model_dump(),
    }
    write_json(content, run / METRICS_NAME)
    plot_curves(history, run / CURVES_NAME)
