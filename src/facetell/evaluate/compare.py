"""Several models on the same samples: who is better, and is it more than chance?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from facetell.errors import DataError
from facetell.evaluate.comparisons import comparisons, members
from facetell.evaluate.metrics import (
    Interval,
    Weights,
    area,
    groups_by_label,
    with_intervals,
)
from facetell.evaluate.numbers import Numbers, numbers
from facetell.evaluate.score import Score, auc_of, judged, labels_of, ranking_of

FEW = 20
"""Of so few groups the bootstrap's draws are too much alike to call a difference real."""


@dataclass(frozen=True)
class Difference:
    """By how much the AUC of `one` is larger than that of `other`, on the same draws of groups.

    groups: of the label that has fewer. real: whether the interval leaves zero out and comes of FEW
    groups or more.
    """

    one: str
    other: str
    auc: Interval
    groups: int

    @property
    def real(self) -> bool:
        return self.groups >= FEW and (self.auc.low > 0 or self.auc.high < 0)

    @property
    def said(self) -> str:
        if self.groups < FEW:
            return f"{self.groups} groups are too few to tell"
        return "a real difference" if self.real else "may be chance"


@dataclass(frozen=True)
class Comparison:
    """models: numbers by name, over the samples that all of them judged. kinds: the AUC of each, by
    kind of fake. left_out: how many samples at least one has no score for."""

    models: dict[str, Numbers]
    kinds: dict[str, dict[str, Interval | None]]
    differences: list[Difference]
    samples: int
    left_out: int


def compare(models: Mapping[str, Sequence[Score]]) -> Comparison:
    """models: by name, their scores of the same samples, in any order.

    Raises DataError when they have no judged sample of both labels in common.
    """
    aligned = in_common(models)
    named = {score.path for scores in models.values() for score in scores}
    samples = len(next(iter(aligned.values())))
    return Comparison(
        models={name: numbers(scores) for name, scores in aligned.items()},
        kinds=_kinds(aligned),
        differences=_differences(aligned),
        samples=samples,
        left_out=len(named) - samples,
    )


def in_common(models: Mapping[str, Sequence[Score]]) -> dict[str, list[Score]]:
    """The scores of the samples that all of them judged, in the same order.

    Raises DataError when there is none of either label.
    """
    tables = {name: _judged(scores) for name, scores in models.items()}
    shared = sorted(set.intersection(*(set(table) for table in tables.values())))
    if len({tables[name][path].label for name in tables for path in shared}) < 2:
        raise DataError(
            "the score tables have no real and fake samples in common",
            hint="score the same data with each of them: facetell evaluate --data",
        )
    return {name: [table[path] for path in shared] for name, table in tables.items()}


def _judged(scores: Sequence[Score]) -> dict[str, Score]:
    return {score.path: score for score in judged(scores)}


def _kinds(aligned: Mapping[str, Sequence[Score]]) -> dict[str, dict[str, Interval | None]]:
    asked = comparisons(next(iter(aligned.values())))
    return {
        one.name: {name: auc_of(members(one, scores)) for name, scores in aligned.items()}
        for one in asked
    }


def _differences(aligned: Mapping[str, Sequence[Score]]) -> list[Difference]:
    rankings = {name: ranking_of(scores) for name, scores in aligned.items()}

    def statistics(weights: Weights) -> dict[str, float | None]:
        curves = {name: ranking.curve(weights) for name, ranking in rankings.items()}
        areas = {name: None if curve is None else area(curve) for name, curve in curves.items()}
        found: dict[str, float | None] = {}
        for one, other in combinations(areas, 2):
            first, second = areas[one], areas[other]
            found[f"{one}\0{other}"] = None if first is None or second is None else first - second
        return found

    samples = next(iter(aligned.values()))
    groups = [score.group for score in samples]
    labels = labels_of(samples)
    found = with_intervals(statistics, groups)
    fewest = min(groups_by_label(labels, groups))
    return [
        Difference(one, other, interval, fewest)
        for one, other in combinations(rankings, 2)
        if (interval := found[f"{one}\0{other}"]) is not None
    ]
