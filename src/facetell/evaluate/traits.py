"""How a model treats groups of people: false alarms and catches by what is known of pictures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetell.data.manifest import table_rows
from facetell.errors import DataError
from facetell.evaluate.metrics import Interval, Weights, with_intervals
from facetell.evaluate.score import Score, judged
from facetell.types import Verdict

FEW = 20
"""Fewer pictures of a group say nothing, and are left out."""
Traits = Mapping[str, Mapping[str, str]]
"""By the picture's whole path, and by its file's name: what is said of it, by column."""


@dataclass(frozen=True)
class TraitRow:
    """Of the pictures for which `column` says `value`: how many reals were called fake, and fakes
    fake; None where there are fewer than FEW of them. reals_uncertain: None where there is none."""

    column: str
    value: str
    reals: int
    fakes: int
    reals_called_fake: Interval | None
    reals_uncertain: float | None
    fakes_called_fake: Interval | None


def read_traits(path: Path) -> Traits:
    """CSV or Parquet with the column `path` and any others: age, sex, light...

    A picture is found by its path, or else by its file's name; of several rows of one name counts
    what they agree on.
    Raises DataError when there is nothing of the kind.
    """
    rows = table_rows(path)
    if not rows or "path" not in rows[0] or len(rows[0]) < 2:
        raise DataError(f"{path} says nothing of pictures", hint="columns: path and any others")
    traits: dict[str, dict[str, str]] = {}
    for row in rows:
        said = {column: row[column] for column in row if column != "path" and row[column]}
        path_in_table = Path(row["path"])
        for key in (str(path_in_table.resolve()), path_in_table.name):
            known = traits.setdefault(key, said)
            traits[key] = dict(known.items() & said.items())
    return traits


def said_of(paths: Sequence[Path], traits: Traits) -> list[Mapping[str, str]]:
    """What the table says of each picture; nothing of one that it does not name.

    Raises DataError where it names none of them, or one that it has by its name alone is there
    twice.
    """
    whole = [traits.get(str(path.resolve())) for path in paths]
    named = Counter(path.name for path, said in zip(paths, whole, strict=True) if said is None)
    twice = [name for name, count in named.items() if count > 1 and name in traits]
    if twice:
        raise DataError(
            f"{named[twice[0]]} of the pictures are called {twice[0]}",
            hint="give their whole paths in the table of traits",
        )
    found = [
        traits.get(path.name, {}) if said is None else said
        for path, said in zip(paths, whole, strict=True)
    ]
    if not any(found):
        raise DataError(
            "the table of traits names none of the pictures",
            hint="its paths must be theirs, or end in their file names",
        )
    return found


def by_trait(scores: Sequence[Score], traits: Traits) -> list[TraitRow]:
    """Every value of every column that FEW judged pictures have, in order. Raises DataError: see
    `said_of`."""
    rows = judged(scores)
    told = said_of([Path(score.path) for score in rows], traits)
    said = list(zip(rows, told, strict=True))
    found = sorted({pair for _, one in said for pair in one.items()})
    told_of = [
        _row(column, value, [score for score, one in said if one.get(column) == value])
        for column, value in found
    ]
    return [row for row in told_of if row.reals_called_fake or row.fakes_called_fake]


def _row(column: str, value: str, scores: Sequence[Score]) -> TraitRow:
    reals = [score for score in scores if not score.label]
    fakes = [score for score in scores if score.label]
    unsure = sum(score.verdict == Verdict.UNCERTAIN for score in reals)
    return TraitRow(
        column=column,
        value=value,
        reals=len(reals),
        fakes=len(fakes),
        reals_called_fake=_called_fake(reals),
        reals_uncertain=unsure / len(reals) if reals else None,
        fakes_called_fake=_called_fake(fakes),
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
    head = ["", "", "reals", "called fake", "uncertain", "fakes", "called fake"]
    lines = [
        [
            row.column,
            row.value,
            str(row.reals),
            _percent(row.reals_called_fake),
            "-" if row.reals_uncertain is None else f"{row.reals_uncertain:.1%}",
            str(row.fakes),
            _percent(row.fakes_called_fake),
        ]
        for row in rows
    ]
    return head, lines


def _percent(share: Interval | None) -> str:
    return "-" if share is None else f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}]"
