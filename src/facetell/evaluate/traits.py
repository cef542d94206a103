"""How a model treats groups of people: false alarms and catches by what is known of pictures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetell.data.manifest import table_rows
from facetell.errors import DataError
from facetell.evaluate.metrics import Interval, Weights, with_intervals
from facetell.evaluate.score import Score
from facetell.types import Status, Verdict

FEW = 20
"""Fewer pictures of a group say nothing, and are left out."""
Traits = Mapping[str, Mapping[str, str]]
"""By the picture's file name: what is said of it, by column."""


@dataclass(frozen=True)
class TraitRow:
    """Of the pictures for which `column` says `value`: how many reals were called fake, and fakes
    fake; None where there are fewer than FEW of them."""

    column: str
    value: str
    reals: int
    fakes: int
    false_alarms: Interval | None
    uncertain_reals: float
    caught: Interval | None


def read_traits(path: Path) -> Traits:
    """CSV or Parquet with the column `path` and any others: age, sex, light...

    A picture is found by its file's name; of several rows of one name counts what they agree on.
    Raises DataError when there is nothing of the kind.
    """
    rows = table_rows(path)
    if not rows or "path" not in rows[0] or len(rows[0]) < 2:
        raise DataError(f"{path} says nothing of pictures", hint="columns: path and any others")
    traits: dict[str, dict[str, str]] = {}
    for row in rows:
        said = {column: row[column] for column in row if column != "path" and row[column]}
        known = traits.setdefault(Path(row["path"]).name, said)
        traits[Path(row["path"]).name] = dict(known.items() & said.items())
    return traits


def by_trait(scores: Sequence[Score], traits: Traits) -> list[TraitRow]:
    """Every value of every column that FEW judged pictures have, in order.

    Raises DataError where the table names none of the judged pictures, or two of one name.
    """
    said = [
        (score, traits[name])
        for score in scores
        if score.status == Status.OK and (name := Path(score.path).name) in traits
    ]
    if not said:
        raise DataError(
            "the table of traits names none of the judged pictures",
            hint="its paths must end in their file names",
        )
    name, count = Counter(Path(score.path).name for score, _ in said).most_common(1)[0]
    if count > 1:
        raise DataError(
            f"{count} of the judged pictures are called {name}",
            hint="traits are found by the names of files: rename them, so that each is there once",
        )
    found = sorted({pair for _, one in said for pair in one.items()})
    rows = [
        _row(column, value, [score for score, one in said if one.get(column) == value])
        for column, value in found
    ]
    return [row for row in rows if row.false_alarms or row.caught]


def _row(column: str, value: str, scores: Sequence[Score]) -> TraitRow:
    reals = [score for score in scores if not score.label]
    fakes = [score for score in scores if score.label]
    unsure = sum(score.verdict == Verdict.UNCERTAIN for score in reals)
    return TraitRow(
        column=column,
        value=value,
        reals=len(reals),
        fakes=len(fakes),
        false_alarms=_called_fake(reals),
        uncertain_reals=unsure / max(1, len(reals)),
        caught=_called_fake(fakes),
    )


def _called_fake(scores: Sequence[Score]) -> Interval | None:
    if len(scores) < FEW:
        return None
    called = np.array([score.verdict == Verdict.FAKE for score in scores], np.float64)

    def share(weights: Weights) -> dict[str, float | None]:
        return {"share": float(np.average(called, weights=weights))}

    groups = [score.group for score in scores]
    found = with_intervals(share, groups)["share"]
    return found and found.known_from(len(set(groups)))


def traits_table(rows: Sequence[TraitRow]) -> tuple[list[str], list[list[str]]]:
    """Head and lines of a table for people."""
    head = ["", "", "reals", "called fake", "unsure", "fakes", "called fake"]
    lines = [
        [
            row.column,
            row.value,
            str(row.reals),
            _percent(row.false_alarms),
            f"{row.uncertain_reals:.1%}" if row.reals else "-",
            str(row.fakes),
            _percent(row.caught),
        ]
        for row in rows
    ]
    return head, lines


def _percent(share: Interval | None) -> str:
    return "-" if share is None else f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}]"
