"""What a detector says of fakes that it never learnt from: trained on some, tested on others."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from facetell.data.manifest import Sample
from facetell.errors import DataError
from facetell.evaluate.metrics import Interval
from facetell.evaluate.score import Score, auc_of

By = Literal["generator", "source"]
Mode = Literal["without", "only"]
ALL = "all"


@dataclass(frozen=True)
class Plan:
    """kinds: of fakes, by name, those that are left out or trained on alone, and tested on. rows:
    name of a training -> which of these kinds it learns from."""

    by: By
    mode: Mode
    kinds: tuple[str, ...]
    rows: dict[str, frozenset[str]]

    def learns(self, row: str) -> Callable[[Sample], bool]:
        """Whether a training takes a sample: all reals; all fakes but those of a kind left out, or
        those of one kind alone."""
        learnt, left_out = self.rows[row], set(self.kinds) - self.rows[row]

        def keep(sample: Sample) -> bool:
            kind = getattr(sample, self.by)
            if sample.label == 0 or row == ALL:
                return True
            return kind in learnt if self.mode == "only" else kind not in left_out

        return keep


def plan(samples: Sequence[Sample], by: By, mode: Mode, least: int) -> Plan:
    """One training on all fakes, and one for every kind: without it, or on it alone.

    least: a kind has so many fakes to train and at least a tenth of that to test on.
    Raises DataError where fewer than two kinds do.
    """
    train, test = (
        Counter(getattr(s, by) for s in samples if s.label and s.split == split)
        for split in ("train", "test")
    )
    kinds = tuple(sorted(k for k in train if train[k] >= least and test[k] * 10 >= least))
    if len(kinds) < 2:
        counts = ", ".join(
            f"{count} fakes of {kind}" if kind else f"{count} fakes name no {by}"
            for kind, count in train.most_common(5)
        )
        raise DataError(
            f"fewer than two {by}s have {least} fakes to train on and a tenth of that to test on",
            hint=f"{counts or 'there are none'}; lower --least, name them in the manifest, or sort "
            "the fakes into folders and use --by source",
        )
    rows = {ALL: frozenset(kinds)}
    for kind in kinds:
        learnt = {kind} if mode == "only" else set(kinds) - {kind}
        rows[f"{mode} {kind}"] = frozenset(learnt)
    return Plan(by, mode, kinds, rows)


@dataclass(frozen=True)
class Matrix:
    """cells: by training, then by kind tested on: the AUC of its fakes against reals, None where
    that is not defined. reals: by kind, which reals those are."""

    plan: Plan
    cells: dict[str, dict[str, Interval | None]]
    reals: dict[str, str]

    @property
    def unseen(self) -> dict[str, float]:
        """By kind, the mean AUC of the trainings that never saw it."""
        found: dict[str, float] = {}
        for kind in self.plan.kinds:
            values = [
                cell.value
                for row, cells in self.cells.items()
                if kind not in self.plan.rows[row] and (cell := cells[kind]) is not None
            ]
            if values:
                found[kind] = float(np.mean(values))
        return found

    def as_json(self) -> dict[str, Any]:
        cells = {
            row: {
                kind: None if c is None else {"value": c.value, "low": c.low, "high": c.high}
                for kind, c in of.items()
            }
            for row, of in self.cells.items()
        }
        learnt = {row: sorted(kinds) for row, kinds in self.plan.rows.items()}
        return {"by": self.plan.by, "learnt": learnt, "reals": self.reals, "auc": cells}


def matrix(chosen: Plan, scores: Mapping[str, Sequence[Score]]) -> Matrix:
    """scores: of the test split, by training.

    A kind is set against the reals of its own source where there are any (a face swap against its
    originals), else against all reals of sources that hold no fakes.
    """
    cells: dict[str, dict[str, Interval | None]] = {}
    reals: dict[str, str] = {}
    for row, rows in scores.items():
        cells[row] = {}
        for kind in chosen.kinds:
            fakes = [s for s in rows if s.label and getattr(s, chosen.by) == kind]
            against, reals[kind] = _reals(rows, {s.source for s in fakes})
            cells[row][kind] = auc_of(fakes + against)
    return Matrix(chosen, cells, reals)


def _reals(rows: Sequence[Score], sources: set[str]) -> tuple[list[Score], str]:
    own = [s for s in rows if not s.label and s.source in sources]
    if own:
        return own, "reals of its own source"
    mixed = {s.source for s in rows if s.label}
    pure = [s for s in rows if not s.label and s.source not in mixed]
    if pure:
        return pure, "reals of sources without fakes"
    return [s for s in rows if not s.label], "all reals"
