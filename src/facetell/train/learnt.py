"""From which pictures a network has learnt, those of its start and its teachers included."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from facetell.data.crops import CropCache
from facetell.detect.model import Model
from facetell.errors import DataError, ModelError
from facetell.evaluate.runs import CHECKPOINTS_NAME
from facetell.train.networks.start import FIRST_OF_ALL, find_weights, first_of_all, origin
from facetell.train.recipe import Recipe

DATA_NAME = "data.json"
LEARNT = "learnt"
"""What a checkpoint calls its copy of that file."""

Counts = Mapping[str, int]
"""Training pictures by source."""


def pictures_by_source(cache: CropCache) -> dict[str, int]:
    """Training pictures of a cache by source, in the order of the sources' names."""
    trained = Counter(r.sample.source for r in cache.regions if r.sample.split == "train")
    return dict(sorted(trained.items()))


@dataclass(frozen=True)
class Learnt:
    """What a network comes from.

    trained_on: pictures by source, those of its start and its teachers included. start_weights,
    teachers: as its card says.
    """

    trained_on: dict[str, int]
    start_weights: str
    teachers: list[str]


def learnt_from(recipe: Recipe, trained_on: Counts) -> Learnt:
    """Of a training; trained_on: of itself alone. Start and teachers must be at hand."""
    return Learnt(
        together([trained_on, *learnt_before(recipe).values()]),
        _start(recipe),
        [f"{Path(t).name} (sha256 {Model.load(Path(t)).sha256[:16]}…)" for t in recipe.teachers],
    )


def read_learnt(run: Path, recipe: Recipe) -> Learnt:
    """Of a run, as its folder was told when it began: its start may be gone since.

    Raises DataError when it does not say.
    """
    facts = _facts(run)
    try:
        return Learnt(facts["trained_on"], facts["start_weights"], facts["teachers"])
    except KeyError:  # a run of a version that did not tell
        return learnt_from(recipe, facts["trained_on"])


def _facts(run: Path) -> dict[str, Any]:
    path = run / DATA_NAME
    try:
        told = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="was it changed?") from error
    return _parsed(told, path)


def _parsed(told: str, path: Path) -> dict[str, Any]:
    """path: the file that tells it."""
    try:
        facts = json.loads(told)
        counted = {str(source): int(count) for source, count in facts["trained_on"].items()}
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        message = f"what {path} has learnt from cannot be read: {error}"
        raise DataError(message, hint="was it changed?") from error
    return {**facts, "trained_on": counted}


def _facts_of(checkpoint: Path) -> dict[str, Any] | None:
    """What a checkpoint says of its run wherever it lies, or the run's folder around an older one;
    None where neither does. Raises DataError when what is said cannot be read."""
    try:
        told = torch.load(checkpoint, map_location="cpu", weights_only=True)[LEARNT]
    # An unpickler fails in many ways on what is no checkpoint, or none of ours.
    except Exception:
        run = _run_of(checkpoint)
        return _facts(run) if run else None
    return _parsed(told, checkpoint)


def _start(recipe: Recipe) -> str:
    """Where a training started; a checkpoint of ours knows where all began."""
    told = origin(recipe.architecture, recipe.pretrained)
    if isinstance(recipe.pretrained, str) and not recipe.pretrained.endswith(".onnx"):
        checkpoint = find_weights(recipe.pretrained)
        facts = _facts_of(checkpoint)
        if facts and "start_weights" in facts:  # a run of an older version does not tell
            began = first_of_all(facts["start_weights"])
            run = _run_of(checkpoint)
            whose = f"of the run {run.name}" if run else "of a run"
            told = f"{told.partition(';')[0]}, {whose}){FIRST_OF_ALL}{began}"
    return told


def together(counts: Iterable[Counts]) -> dict[str, int]:
    """Of networks that make one: of each source, what the one says that saw most of it."""
    most: Counter[str] = Counter()
    for each in counts:
        most |= Counter(each)
    return dict(sorted(most.items()))


def learnt_before(recipe: Recipe) -> dict[Path, dict[str, int]]:
    """By file, what the start of a training and its teachers learnt from, where they tell: model
    files and checkpoints of ours do."""
    start = [find_weights(recipe.pretrained)] if isinstance(recipe.pretrained, str) else []
    told = {}
    for path in (*start, *map(Path, recipe.teachers)):
        if path.suffix != ".onnx":
            if facts := _facts_of(path):
                told[path] = facts["trained_on"]
            continue
        with suppress(ModelError):
            told[path] = dict(Model.load(path).card.trained_on)
    return told


def _run_of(checkpoint: Path) -> Path | None:
    """The run around RUN/checkpoints/STAGE/last.ckpt, where it is told what that learnt from."""
    checkpoints = checkpoint.resolve().parent.parent
    run = checkpoints.parent
    told = checkpoints.name == CHECKPOINTS_NAME and (run / DATA_NAME).exists()
    return run if told else None
