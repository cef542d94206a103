"""What is evaluated: a model file, or the scores that any other detector gave."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facetell.data.degrade import TIERS
from facetell.data.manifest import Sample, table_rows
from facetell.detect.analyze import Detector
from facetell.detect.calibrate import Thresholds
from facetell.detect.model import DEFAULT_MODEL, Model
from facetell.errors import DataError
from facetell.evaluate.score import Score, score_samples, unjudged
from facetell.types import Status, Verdict

TABLE_ENDINGS = (".csv", ".parquet")
FOREIGN = Thresholds(real_below=0.5, fake_from=0.5, fitted_on="none: 0.5, given with the scores")
NEAR_CERTAIN = 1e-6
BATCH = 16


@dataclass(frozen=True)
class Subject:
    """name: unique among those compared. detector: None for a table of scores, whose `scores` by
    path then are p_fake in [0, 1], None where that detector gave none."""

    name: str
    path: Path
    detector: Detector | None = None
    scores: Mapping[str, float | None] | None = None

    @property
    def thresholds(self) -> Thresholds:
        return self.detector.model.card.thresholds if self.detector else FOREIGN


def open_subjects(paths: Sequence[Path]) -> list[Subject]:
    """Model files and score tables (CSV or Parquet: `path,p_fake`); the model inside where none is
    named.

    Raises DataError for a table that is none, ModelError for a model that is none.
    """
    subjects: list[Subject] = []
    for path in paths or [DEFAULT_MODEL]:
        if path.suffix.lower() in TABLE_ENDINGS:
            made = Subject(path.stem, path, scores=_read_scores(path))
        else:
            made = Subject(path.stem, path, detector=Detector.load(path))
        taken = sum(other.name.partition("~")[0] == made.name for other in subjects)
        subjects.append(replace(made, name=f"{made.name}~{taken + 1}") if taken else made)
    return subjects


def scored(
    subject: Subject,
    samples: Sequence[Sample],
    tier: str,
    threads: int,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[Score]:
    """One row per sample, in order. A table's scores are what they are, whatever the tier."""
    if subject.detector is not None:
        rows: Iterator[Score] = score_samples(samples, subject.detector, tier, threads)
    else:
        rows = _matched(subject, samples, tier)
    found = []
    for done, row in enumerate(rows, start=1):
        found.append(row)
        on_progress(done)
    return found


def tiers_of(subject: Subject, tiers: Sequence[str]) -> list[str]:
    """Those that can be measured: a table has its one."""
    return list(tiers) if subject.detector else ["as scored"]


def check_tiers(tiers: Sequence[str]) -> None:
    """Raises DataError for a tier that is none."""
    for tier in tiers:
        if tier not in TIERS:
            raise DataError(f"no tier {tier!r}", hint=f"there are {', '.join(TIERS)}")


def _matched(subject: Subject, samples: Sequence[Sample], tier: str) -> Iterator[Score]:
    """By the whole path, or by the file's name where that is unique in the table."""
    assert subject.scores is not None
    by_path = {str(Path(path).resolve()): value for path, value in subject.scores.items()}
    by_name: dict[str, float | None] = {}
    twice = set()
    for path, value in subject.scores.items():
        name = Path(path).name
        twice |= {name} & set(by_name)
        by_name[name] = value
    known = 0
    for sample in samples:
        p_fake = by_path.get(str(sample.path.resolve()))
        if p_fake is None and sample.path.name not in twice:
            p_fake = by_name.get(sample.path.name)
        known += p_fake is not None
        yield _row(sample, tier, p_fake)
    if not known:
        raise DataError(
            f"{subject.path} has a score for none of the {len(samples)} samples",
            hint="its paths must be those of the data, or its file names the same and unique",
        )


def _row(sample: Sample, tier: str, p_fake: float | None) -> Score:
    row = unjudged(sample, tier)
    if p_fake is None:
        return row
    p = min(1 - NEAR_CERTAIN, max(NEAR_CERTAIN, p_fake))
    return replace(
        row,
        status=Status.OK,
        log_odds=float(np.log(p / (1 - p))),
        p_fake=p_fake,
        verdict=Verdict.FAKE if p_fake >= FOREIGN.fake_from else Verdict.REAL,
    )


def _read_scores(path: Path) -> dict[str, float | None]:
    rows = table_rows(path)
    if not rows or "path" not in rows[0] or "p_fake" not in rows[0]:
        raise DataError(
            f"{path} is no table of scores", hint="columns needed: path,p_fake (0 real to 1 fake)"
        )
    found: dict[str, float | None] = {}
    for number, row in enumerate(rows, start=2):
        try:
            value = float(row["p_fake"]) if row["p_fake"] else None
        except ValueError as error:
            raise DataError(
                f"{path}:{number}: p_fake {row['p_fake']!r}", hint="a number, or nothing"
            ) from error
        if value is not None and not 0 <= value <= 1:
            raise DataError(
                f"{path}:{number}: p_fake {value} is no probability",
                hint="0 for real to 1 for fake; turn other scores into such",
            )
        found[row["path"]] = value
    return found


def crops_per_second(model: Model, seconds: float = 1.0) -> float:
    """How fast a model judges ready crops on one thread, in batches."""
    side = model.card.crop.size_px
    crops = np.zeros((BATCH, side, side, 3), np.uint8)
    model.score(crops)
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        model.score(crops)
        done += BATCH
    return done / (time.perf_counter() - started)
