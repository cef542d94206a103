"""What is evaluated: a model file, or the scores that any other detector gave."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain, count
from pathlib import Path

import numpy as np

from facetell.data.degrade import TIERS
from facetell.data.manifest import Sample, table_rows
from facetell.detect.analyze import Detector
from facetell.detect.calibrate import Thresholds
from facetell.detect.card import Hardship
from facetell.detect.model import Model
from facetell.detect.session import DEFAULT_MODEL
from facetell.errors import DataError
from facetell.evaluate.runs import MODEL_NAME
from facetell.evaluate.score import Score, read_scores, score_samples, unjudged
from facetell.types import Status, Verdict

TABLE_ENDINGS = (".csv", ".parquet")
FOREIGN = Thresholds(real_below=0.5, fake_from=0.5, fitted_on="none, called fake from 0.5")
AS_GIVEN = Thresholds(real_below=0.5, fake_from=0.5, fitted_on="verdicts as given with the scores")
CERTAIN = 750.0
"""Log-odds of a p_fake of 0 or 1: beyond those of every other number, so that none are tied."""
BATCH = 16


@dataclass(frozen=True)
class Said:
    """What a table of scores says of one sample; all None where that detector gave no score.

    log_odds, verdict: of p_fake at 0.5 where the table has only that.
    """

    p_fake: float | None
    log_odds: float | None
    verdict: Verdict | None
    status: Status


@dataclass(frozen=True)
class Table:
    """What was read of a table of scores. said: by path. tier: as the table says."""

    said: Mapping[str, Said]
    thresholds: Thresholds
    tier: str


@dataclass(frozen=True)
class Subject:
    """name: unique among those compared. judge: a detector, or the scores that another gave."""

    name: str
    path: Path
    judge: Detector | Table

    @property
    def thresholds(self) -> Thresholds:
        judge = self.judge
        return judge.thresholds if isinstance(judge, Table) else judge.model.card.thresholds

    @property
    def robustness(self) -> Sequence[Hardship]:
        return () if isinstance(self.judge, Table) else self.judge.model.card.robustness


def open_subjects(paths: Sequence[Path]) -> list[Subject]:
    """Model files and score tables (CSV or Parquet: `path,p_fake`); the model inside where none is
    named. The model of a run is called by the run's name.

    Raises DataError for a table that is none, ModelError for a model that is none.
    """
    subjects: list[Subject] = []
    for path in paths or [DEFAULT_MODEL]:
        is_table = path.suffix.lower() in TABLE_ENDINGS
        judge = _read_table(path) if is_table else Detector.load(path)
        name = unique_name(subject_name(path), [other.name for other in subjects])
        subjects.append(Subject(name, path, judge))
    return subjects


def subject_name(path: Path) -> str:
    """What a model file or score table is called: the model of a run by the run's name. As text
    that can be drawn and written, whatever the bytes of the file's name."""
    run = path.resolve().parent.name if path.name == MODEL_NAME else ""
    return (run or path.stem).encode(errors="replace").decode()


def unique_name(name: str, taken: Iterable[str]) -> str:
    """The name, or the first of a~2, a~3... that is not taken."""
    others = set(taken)
    numbered = (f"{name}~{number}" for number in count(2))
    return next(free for free in chain([name], numbered) if free not in others)


def scored(
    subject: Subject,
    samples: Sequence[Sample],
    tier: str,
    threads: int,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[Score]:
    """One row per sample, in order. A table's scores are what they are, whatever the tier."""
    if isinstance(subject.judge, Table):
        rows = _matched(subject.judge, subject.path, samples, tier)
    else:
        rows = score_samples(samples, subject.judge, tier, threads)
    found = []
    for done, row in enumerate(rows, start=1):
        found.append(row)
        on_progress(done)
    return found


def tiers_of(subject: Subject, tiers: Sequence[str]) -> list[str]:
    """Those that can be measured: a table has its one."""
    return [subject.judge.tier] if isinstance(subject.judge, Table) else list(tiers)


def check_tiers(tiers: Sequence[str]) -> None:
    """Raises DataError for a tier that is none."""
    for tier in tiers:
        if tier not in TIERS:
            raise DataError(f"no tier {tier!r}", hint=f"there are {', '.join(TIERS)}")


def _matched(table: Table, file: Path, samples: Sequence[Sample], tier: str) -> Iterator[Score]:
    """By the whole path, or by the file's name where table and samples have it once each."""
    by_path = {str(Path(path).resolve()): said for path, said in table.said.items()}
    by_name = {Path(path).name: said for path, said in table.said.items()}
    named = Counter(Path(path).name for path in table.said)
    wanted = Counter(sample.path.name for sample in samples)
    known = 0
    for sample in samples:
        found = by_path.get(str(sample.path.resolve()))
        name = sample.path.name
        if found is None and named[name] == wanted[name] == 1:
            found = by_name[name]
        row = unjudged(sample, tier)
        if found is not None:
            known += found.p_fake is not None
            row = replace(
                row,
                status=found.status,
                log_odds=found.log_odds,
                p_fake=found.p_fake,
                verdict=found.verdict,
            )
        yield row
    if not known:
        raise DataError(
            f"{file} has a score for none of the {len(samples)} samples",
            hint="its paths must be those of the data, or its file names the same and unique",
        )


def _read_table(path: Path) -> Table:
    """A score table of ours keeps its verdicts and tier, any other one is called fake from 0.5."""
    rows = table_rows(path)
    if not rows or "path" not in rows[0] or "p_fake" not in rows[0]:
        raise DataError(
            f"{path} is no table of scores", hint="columns needed: path,p_fake (0 real to 1 fake)"
        )
    lines: dict[str, int] = {}
    for line, row in enumerate(rows, start=2):
        if lines.setdefault(row["path"], line) != line:
            raise DataError(f"{path}:{line}: {row['path']} has a score already", hint="keep one")
    if {field.name for field in fields(Score)} <= set(rows[0]):
        own = read_scores(path)
        return Table({s.path: _own(s, path) for s in own}, _thresholds_beside(path), own[0].tier)
    given = {row["path"]: _said(row["p_fake"], f"{path}:{lines[row['path']]}") for row in rows}
    return Table(given, FOREIGN, "as scored")


def _own(score: Score, table: Path) -> Said:
    if score.status is Status.OK and score.verdict is None:
        raise DataError(
            f"{table}, row of {score.path}: a score without a verdict",
            hint="leave the table only the columns path,p_fake: it is called fake from 0.5 then",
        )
    return Said(score.p_fake, score.log_odds, score.verdict, score.status)


def _thresholds_beside(path: Path) -> Thresholds:
    """Those in the metrics.json that an evaluation wrote beside its scores."""
    try:
        content = json.loads(path.with_name("metrics.json").read_text(encoding="utf-8"))
        return Thresholds.model_validate(content["thresholds"])
    except (OSError, ValueError, KeyError, TypeError):
        return AS_GIVEN


def _said(text: str, where: str) -> Said:
    if not text:
        return Said(None, None, None, Status.ERROR)
    try:
        p_fake = float(text)
    except ValueError as error:
        raise DataError(f"{where}: p_fake {text!r}", hint="a number, or nothing") from error
    if not 0 <= p_fake <= 1:
        raise DataError(
            f"{where}: p_fake {p_fake} is no probability",
            hint="0 for real to 1 for fake; turn other scores into such",
        )
    with np.errstate(divide="ignore"):
        log_odds = np.clip(np.log(p_fake) - np.log1p(-p_fake), -CERTAIN, CERTAIN)
    verdict = Verdict.FAKE if p_fake >= FOREIGN.fake_from else Verdict.REAL
    return Said(p_fake, float(log_odds), verdict, Status.OK)


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
