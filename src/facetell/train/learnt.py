"""From which pictures a network has learnt, those of its start and its teachers included."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from facetell.data.crops import CropCache
from facetell.detect.model import Model
from facetell.errors import DataError, ModelError
from facetell.train.networks.start import find_weights
from facetell.train.recipe import Recipe

DATA_NAME = "data.json"

Counts = Mapping[str, int]
"""Training pictures by source."""


def pictures_by_source(cache: CropCache) -> dict[str, int]:
    """Training pictures of a cache by source, in the order of the sources' names."""
    trained = Counter(r.sample.source for r in cache.regions if r.sample.split == "train")
    return dict(sorted(trained.items()))


def read_trained_on(run: Path) -> dict[str, int]:
    """Training pictures by source, as the run folder counted them.

    Raises DataError when it does not say.
    """
    path = run / DATA_NAME
    try:
        counted = json.loads(path.read_text(encoding="utf-8"))["trained_on"]
        return {str(source): int(count) for source, count in counted.items()}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="was it changed?") from error


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
        with suppress(ModelError, DataError):
            is_model = path.suffix == ".onnx"
            learnt = Model.load(path).card.trained_on if is_model else _of_checkpoint(path)
            told[path] = dict(learnt)
    return told


def _of_checkpoint(path: Path) -> dict[str, int]:
    """RUN/checkpoints/STAGE/last.ckpt lies three folders deep in its run."""
    *_, run = path.resolve().parents[:3]
    return read_trained_on(run)
