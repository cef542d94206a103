"""Read run folders: what was trained, how far it came, how it went. Needs no torch."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from facetell.errors import DataError

CONFIG_NAME = "config.yaml"
LOGS_NAME = "logs"
ENVIRONMENT_NAME = "environment.json"
METRICS_NAME = "metrics.json"
MODEL_NAME = "model.onnx"
CURVES_NAME = "curves.png"
CHECKPOINTS_NAME = "checkpoints"
RESULTS = (MODEL_NAME, "faces.onnx", "scores.csv")
"""What a run ends with: a detector's, the face finder's, one of a study of kinds left out."""
VAL_AUC = "val_auc"
DONE_WORDS = {True: "finished", False: "unfinished"}
SMOOTHED = 0.9


@dataclass(frozen=True)
class Point:
    """One row of the log. step: optimiser steps, over all stages. loss: of one batch, and val_auc:
    None where the row says nothing of it."""

    stage: str
    step: int
    loss: float | None
    val_auc: float | None


@dataclass(frozen=True)
class Run:
    """A run folder. problem: why it cannot be read; then the rest says nothing."""

    folder: Path
    recipe: dict[str, Any]
    history: list[Point]
    finished: bool
    problem: str | None = None

    @property
    def state(self) -> str:
        return "broken" if self.problem else DONE_WORDS[self.finished]

    @property
    def steps(self) -> int:
        return max((point.step for point in self.history), default=0)

    @property
    def best_auc(self) -> float | None:
        return max((p.val_auc for p in self.history if p.val_auc is not None), default=None)


def find_runs(folder: Path) -> list[Run]:
    """The run folders in a folder, itself among them, by their names; broken ones say so."""
    if not folder.is_dir():
        raise DataError(
            f"{folder} is no folder",
            hint="give the folder that holds your runs; facetell train makes one",
        )
    found = {path.parent for path in folder.glob(f"**/{CONFIG_NAME}")}
    return [_read_or_say(path) for path in sorted(found)]


def read_run(folder: Path) -> Run:
    """Raises DataError when the folder holds no run or a damaged one."""
    recipe = read_config(folder)
    try:
        history = list(_history(folder / LOGS_NAME))
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise _unreadable(folder, error) from error
    return Run(folder, recipe, history, finished=any((folder / name).exists() for name in RESULTS))


def read_config(folder: Path) -> dict[str, Any]:
    """The recipe of a run, by its names. Raises DataError as `read_run` does."""
    path = folder / CONFIG_NAME
    if not path.is_file():
        raise DataError(f"{folder} holds no run", hint="give a folder made by facetell train")
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _unreadable(folder, error) from error
    if not isinstance(recipe, dict):
        raise DataError(f"{path} holds no recipe", hint="was it changed by hand?")
    return recipe


def _unreadable(folder: Path, error: Exception) -> DataError:
    return DataError(
        f"{folder} cannot be read as a run: {error}", hint="was it made by facetell train?"
    )


def model_of(folder: Path) -> Path:
    """The model file of a finished run. Raises DataError where there is no run, or no model yet."""
    read_run(folder)  # says what is wrong with the folder, if anything
    path = folder / MODEL_NAME
    if not path.exists():
        raise DataError(
            f"the run {folder} has no model yet",
            hint="let it finish: facetell train with the same --out and --resume",
        )
    return path


def _read_or_say(folder: Path) -> Run:
    try:
        return read_run(folder)
    except DataError as error:
        return Run(folder, {}, [], finished=False, problem=str(error.args[0]))


def _history(logs: Path) -> Iterator[Point]:
    """Of all stages, `1-head`, `2-all`, in their order; a step that was done again after an
    interruption counts as it went the last time."""
    before = 0
    for stage in sorted(logs.glob("*-*")):
        points: dict[tuple[int, bool], Point] = {}
        for path in sorted(stage.glob("part-*/metrics.csv"), key=_part):
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    if None in row.values() or not row["step"]:
                        continue  # cut off: it is being written, or its writer was killed
                    loss, auc = _number(row.get("loss")), _number(row.get(VAL_AUC))
                    step = int(row["step"]) + 1  # Lightning counts them from 0
                    name = stage.name.partition("-")[2]
                    points[step, auc is None] = Point(name, before + step, loss, auc)
        yield from sorted(points.values(), key=lambda point: point.step)
        before += max((step for step, _ in points), default=0)


def _part(path: Path) -> int:
    return int(path.parent.name.rpartition("-")[2])


def _number(text: str | None) -> float | None:
    return float(text) if text else None


def smoothed(values: Sequence[float]) -> list[float]:
    """Exponential moving average, its beginning not pulled towards zero."""
    means, total, weight = [], 0.0, 0.0
    for value in values:
        total = SMOOTHED * total + (1 - SMOOTHED) * value
        weight = SMOOTHED * weight + 1 - SMOOTHED
        means.append(total / weight)
    return means
