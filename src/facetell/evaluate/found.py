"""What lies in folders: model files, and the tables of scores that evaluations and runs left."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facetell.detect.card import ModelCard
from facetell.detect.model import Model
from facetell.detect.session import DEFAULT_MODEL
from facetell.errors import FacetellError
from facetell.evaluate.runs import CONFIG_NAME, MODEL_NAME
from facetell.evaluate.score import Score, read_scores
from facetell.evaluate.subjects import subject_name, unique_name

MODEL_PATTERN = "**/*.onnx"
SCORE_PATTERNS = ("**/scores.csv", "**/scores.parquet", "**/val-*.csv", "**/*.val-*.csv")
"""What `facetell evaluate --out` writes, in folders that name model and tier; what lies beside a
model of the pictures that calibrated it, see `val_table`."""


@dataclass(frozen=True)
class FoundModel:
    """A model file. name: unique among those found. card: None where `problem` says why it cannot
    be used."""

    name: str
    path: Path
    megabytes: float
    card: ModelCard | None
    sha256: str
    problem: str | None = None


@dataclass(frozen=True)
class FoundScores:
    """A table of scores. model: whose, by the name that `FoundModel` has, too. on: a split, or data
    and split where it was measured just now; like tier, of its first row. problem: why it cannot be
    read; then it holds no row."""

    model: str
    path: Path
    on: str
    tier: str
    scores: tuple[Score, ...]
    problem: str | None = None

    @property
    def measured_on(self) -> str:
        """Scores with the same words can be compared."""
        return f"{self.on}, tier {self.tier}"


def find_models(folders: Sequence[Path]) -> list[FoundModel]:
    """The model inside the package, then the ONNX files in the folders, by their paths; what cannot
    be used says why."""
    found: list[FoundModel] = []
    for path in [DEFAULT_MODEL, *_files(folders, (MODEL_PATTERN,))]:
        model = _opened(path)
        found.append(replace(model, name=unique_name(model.name, [one.name for one in found])))
    return found


def find_scores(folders: Sequence[Path]) -> list[FoundScores]:
    """By their paths; what cannot be read says why."""
    return [_read(path) for path in _files(folders, SCORE_PATTERNS)]


def val_table(model: Path, tier: str) -> Path:
    """Where a model file leaves what it says of the pictures that calibrated it: `val-TIER.csv`
    beside a run's `model.onnx`, `NAME.val-TIER.csv` beside `NAME.onnx`."""
    name = f"val-{tier}.csv"
    return model.with_name(name if model.name == MODEL_NAME else f"{model.stem}.{name}")


def file_of(scores: FoundScores, models: Sequence[FoundModel]) -> FoundModel | None:
    """The file that gave the scores: itself where they were measured just now, the one beside them
    in a run, else the only one so called."""
    itself = [model for model in models if model.path == scores.path]
    beside = [m for m in models if scores.path == val_table(m.path, scores.tier)]
    named = [model for model in models if model.name.partition("~")[0] == scores.model]
    found = itself or beside or named
    return found[0] if len(found) == 1 else None


def _files(folders: Sequence[Path], patterns: Sequence[str]) -> Iterator[Path]:
    """Each once, also where one folder lies in another."""
    paths = {path.resolve(): path for folder in folders for pattern in patterns
             for path in sorted(folder.glob(pattern))}  # fmt: skip
    yield from sorted(paths.values())


def _opened(path: Path) -> FoundModel:
    name, megabytes = subject_name(path), 0.0
    try:
        megabytes = path.stat().st_size / 1e6
        model = Model.load(path)
    except (FacetellError, OSError) as error:
        return FoundModel(name, path, megabytes, None, "", str(error))
    return FoundModel(name, path, megabytes, model.card, model.sha256)


def _whose(table: Path) -> str:
    """The name of the model that a table of scores is of: `NAME.val-TIER.csv`, a run's folder, or
    the folder above that of the tier."""
    name, val, _ = table.stem.rpartition(".val-")
    if val:
        return name
    is_run = table.stem != "scores" or (table.parent / CONFIG_NAME).is_file()
    return (table.parent if is_run else table.parent.parent).name


def _read(path: Path) -> FoundScores:
    model = _whose(path)
    try:
        scores = read_scores(path)
    except FacetellError as error:
        return FoundScores(model, path, "", "", (), str(error))
    if not scores:
        return FoundScores(model, path, "", "", (), f"{path} has no rows")
    return FoundScores(model, path, scores[0].split, scores[0].tier, tuple(scores))
