"""One scoring pass: what the detector says of every sample, as `facetell detect` would say it."""

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from facetell.data.degrade import TIERS
from facetell.data.manifest import Sample, table_rows, write_parquet
from facetell.detect.analyze import Detector, analyze_picture
from facetell.detect.media import read_picture
from facetell.detect.report import Report
from facetell.detect.scan import scan
from facetell.errors import DataError, MediaError
from facetell.evaluate.metrics import (
    Bin,
    Interval,
    Labels,
    Ranking,
    Scores,
    auc_with_interval,
    reliability,
)
from facetell.types import Picture, Status, UInt8Array, Verdict


@dataclass(frozen=True)
class Score:
    """One row of a score table.

    label: 1 = fake, 0 = real. log_odds, p_fake, verdict: None unless status is `ok`; of the most
    suspicious face, as everywhere. verdict: None, too, of a network that was never calibrated.
    face_px: longer side of its box.
    """

    path: str
    label: int
    split: str
    source: str
    generator: str
    group: str
    tier: str
    status: Status
    log_odds: float | None
    p_fake: float | None
    verdict: Verdict | None
    face_px: float | None


def score_samples(
    samples: Iterable[Sample],
    detector: Detector,
    tier: str,
    threads: int,
    degrade: Callable[[UInt8Array], UInt8Array] | None = None,
) -> Iterator[Score]:
    """Degrade each picture, by default as `tier` says, then judge it; one row per sample, in
    order."""
    treat = degrade or TIERS[tier]
    yield from scan(samples, lambda sample: score_sample(sample, detector, tier, treat), threads)


def score_sample(
    sample: Sample,
    detector: Detector,
    tier: str,
    degrade: Callable[[UInt8Array], UInt8Array],
) -> Score:
    row = unjudged(sample, tier)
    try:
        picture = read_picture(sample.path)
    except MediaError:
        return row
    report = judge_degraded(picture, sample.path, detector, degrade)
    if report.status is not Status.OK:
        return replace(row, status=report.status)
    worst = report.faces[0]
    return replace(
        row,
        status=Status.OK,
        log_odds=worst.log_odds,
        p_fake=worst.p_fake,
        verdict=worst.verdict,
        face_px=worst.quality.size_px,
    )


def judge_degraded(
    picture: Picture, path: Path, detector: Detector, degrade: Callable[[UInt8Array], UInt8Array]
) -> Report:
    """What the detector says of a picture that is degraded before the face finder sees it; `path`
    is only what the report calls it."""
    image = degrade(picture.image)
    degraded = replace(picture, image=image, size_wh=(image.shape[1], image.shape[0]))
    return analyze_picture(degraded, path, detector)


def unjudged(sample: Sample, tier: str) -> Score:
    """The row of a sample that has no score yet, or that cannot be judged."""
    return Score(
        path=str(sample.path),
        label=sample.label,
        split=sample.split,
        source=sample.source,
        generator=sample.generator,
        group=sample.group,
        tier=tier,
        status=Status.ERROR,
        log_odds=None,
        p_fake=None,
        verdict=None,
        face_px=None,
    )


def judged(scores: Iterable[Score]) -> list[Score]:
    """Those that have a score; what follows takes them alone."""
    return [score for score in scores if score.status == Status.OK]


def labels_of(judged: Iterable[Score]) -> Labels:
    return np.array([score.label for score in judged], np.int64)


def p_fakes_of(judged: Iterable[Score]) -> Scores:
    return np.array([score.p_fake for score in judged], np.float64)


def log_odds_of(judged: Iterable[Score]) -> Scores:
    return np.array([score.log_odds for score in judged], np.float64)


def auc_of(judged: Sequence[Score]) -> Interval | None:
    """None when only one label is there."""
    groups = [score.group for score in judged]
    return auc_with_interval(labels_of(judged), log_odds_of(judged), groups)


def ranking_of(judged: Sequence[Score]) -> Ranking:
    """The most suspicious first."""
    return Ranking(labels_of(judged), log_odds_of(judged))


def reliability_of(judged: Sequence[Score]) -> list[Bin]:
    return reliability(labels_of(judged), p_fakes_of(judged))


def write_scores(scores: Iterable[Score], path: Path) -> None:
    """As CSV, or as Parquet where the file is named so."""
    if path.suffix.lower() == ".parquet":
        write_parquet([asdict(score) for score in scores], path)
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Score)])
        writer.writeheader()
        for score in scores:
            writer.writerow(asdict(score))


def read_scores(path: Path) -> list[Score]:
    """Read a score table, CSV or Parquet. Raises DataError when it is not one."""
    return [_score(row, path) for row in table_rows(path)]


def _score(row: dict[str, str], table: Path) -> Score:
    if missing := [field.name for field in fields(Score) if field.name not in row]:
        raise DataError(
            f"{table} is no score table: it has no column {', '.join(missing)}",
            hint="write one: facetell evaluate --out FOLDER",
        )

    def number(name: str) -> float | None:
        return float(row[name]) if row[name] else None

    texts = {name: row[name] for name in ("path", "split", "source", "generator", "group", "tier")}
    try:
        score = Score(
            **texts,
            label=int(row["label"]),
            status=Status(row["status"]),
            log_odds=number("log_odds"),
            p_fake=number("p_fake"),
            verdict=Verdict(row["verdict"]) if row["verdict"] else None,
            face_px=number("face_px"),
        )
        _check(score)
    except ValueError as error:
        raise DataError(
            f"{table}, row of {row['path']}: {error}",
            hint="write the table anew, or leave it only the columns path,p_fake",
        ) from error
    return score


def _check(score: Score) -> None:
    if score.label not in (0, 1):
        raise ValueError(f"label {score.label}: 0 is real, 1 is fake")
    if score.status is not Status.OK:
        return
    if score.log_odds is None or score.p_fake is None:
        raise ValueError("the status is ok, but there is no score")
    if not math.isfinite(score.log_odds):
        raise ValueError(f"log_odds {score.log_odds} is no number")
    if not 0 <= score.p_fake <= 1:
        raise ValueError(f"p_fake {score.p_fake} is no probability")
