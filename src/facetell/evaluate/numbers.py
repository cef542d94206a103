"""Everything that is said of a model on one set of scored samples."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facetell.evaluate.metrics import (
    Interval,
    Weights,
    area,
    average_precision,
    brier,
    caught_at,
    equal_error_rate,
    expected_calibration_error,
    groups_by_label,
    log_loss,
    with_intervals,
)
from facetell.evaluate.score import Score, judged, labels_of, p_fakes_of, ranking_of
from facetell.types import Status, Verdict

NAMES = {
    "auc": "ROC-AUC",
    "average_precision": "PR-AP",
    "eer": "equal error rate",
    "caught_at_1": "fakes caught at 1 % false alarms",
    "caught_at_05": "fakes caught at 0.5 % false alarms",
    "real_accuracy": "real accuracy: reals not called fake",
    "fake_recall": "fake recall: fakes called fake",
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "precision": "precision: fakes among those called fake",
    "f1": "F1",
    "coverage": "coverage: decided, not uncertain",
    "right_of_decided": "right of the decided",
}
"""What each number is called where people read it."""
OF_THE_SCORE = frozenset({"auc", "average_precision", "eer", "caught_at_1", "caught_at_05"})
"""Those that need no verdict."""


@dataclass(frozen=True)
class Numbers:
    """reals, fakes: judged samples. unjudged: those without a score, by status.

    values: by the keys of NAMES; None where a number is not defined, or needs the verdicts of rows
    that have none. For real accuracy, fake recall and what follows from them, "uncertain" is not
    called fake; verdicts are by the model's own thresholds. ece, brier, log_loss: of p_fake.
    matrix: how many reals and fakes (rows) were called real, uncertain and fake (columns).
    """

    reals: int
    fakes: int
    unjudged: dict[str, int]
    values: dict[str, Interval | None]
    ece: float | None
    brier: float | None
    log_loss: float | None
    matrix: list[list[int]]

    @property
    def may_be_chance(self) -> bool:
        """Whether the interval of the AUC holds one half, or lies below."""
        found = self.values["auc"]
        return found is not None and found.may_be_chance

    def as_json(self) -> dict[str, Any]:
        values = {
            name: None if v is None else {"value": v.value, "low": v.low, "high": v.high}
            for name, v in self.values.items()
        }
        rest = {"ece": self.ece, "brier": self.brier, "log_loss": self.log_loss}
        counts = {"reals": self.reals, "fakes": self.fakes, "unjudged": self.unjudged}
        return {**counts, **values, **rest, "matrix": self.matrix}


def numbers(scores: Sequence[Score]) -> Numbers:
    """scores: of one tier, or of any choice of samples; groups are drawn together."""
    rows = judged(scores)
    labels, p_fake = labels_of(rows), p_fakes_of(rows)
    fakes = int(labels.sum())
    missing = [str(score.status) for score in scores if score.status != Status.OK]
    groups = [score.group for score in rows]
    found = with_intervals(_statistics(rows, labels), groups)
    of_reals, of_fakes = groups_by_label(labels, groups)
    seen = {"real_accuracy": of_reals, "fake_recall": of_fakes}
    seen |= dict.fromkeys(("accuracy", "coverage"), len(set(groups)))
    decided = {s.group for s in rows if s.verdict != Verdict.UNCERTAIN}
    called_fake = {s.group for s in rows if s.verdict == Verdict.FAKE}
    seen["right_of_decided"] = len(decided)
    seen |= dict.fromkeys(("precision", "f1"), min(of_reals, of_fakes, len(called_fake)))
    return Numbers(
        reals=len(rows) - fakes,
        fakes=fakes,
        unjudged=dict(sorted(Counter(missing).items())),
        values={
            name: value and value.known_from(seen.get(name, min(of_reals, of_fakes)))
            if name in OF_THE_SCORE or all(score.verdict for score in rows)
            else None
            for name, value in found.items()
        },
        ece=expected_calibration_error(labels, p_fake) if rows else None,
        brier=brier(labels, p_fake) if rows else None,
        log_loss=log_loss(labels, p_fake) if rows else None,
        matrix=[
            [
                sum(score.label == label and score.verdict == verdict for score in rows)
                for verdict in (Verdict.REAL, Verdict.UNCERTAIN, Verdict.FAKE)
            ]
            for label in (0, 1)
        ],
    )


def _statistics(rows: Sequence[Score], labels: npt.NDArray[np.int64]) -> Any:
    ranking = ranking_of(rows)
    is_fake = labels == 1
    called_fake = np.array([score.verdict == Verdict.FAKE for score in rows], bool)
    decided = np.array([score.verdict != Verdict.UNCERTAIN for score in rows], bool)
    right = decided & (called_fake == is_fake)

    def statistics(weights: Weights) -> dict[str, float | None]:
        curve = ranking.curve(weights)
        real_accuracy = _share(~called_fake, ~is_fake, weights)
        recall = _share(called_fake, is_fake, weights)
        precision = _share(is_fake, called_fake, weights)
        return {
            "auc": None if curve is None else area(curve),
            "average_precision": None if curve is None else average_precision(curve),
            "eer": None if curve is None else equal_error_rate(curve),
            "caught_at_1": None if curve is None else caught_at(curve, 0.01),
            "caught_at_05": None if curve is None else caught_at(curve, 0.005),
            "real_accuracy": real_accuracy,
            "fake_recall": recall,
            "balanced_accuracy": _mean(real_accuracy, recall),
            "accuracy": _share(called_fake == is_fake, np.ones_like(is_fake), weights),
            "precision": precision,
            "f1": _f1(called_fake, is_fake, weights),
            "coverage": _share(decided, np.ones_like(is_fake), weights),
            "right_of_decided": _share(right, decided, weights),
        }

    return statistics


def _share(
    wanted: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_], weights: Weights
) -> float | None:
    total = float(weights[among].sum())
    return float(weights[among & wanted].sum()) / total if total > 0 else None


def _mean(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else (one + other) / 2


def _f1(
    called_fake: npt.NDArray[np.bool_], is_fake: npt.NDArray[np.bool_], weights: Weights
) -> float | None:
    """2 caught / (called fake + fakes), so zero where none is caught; None where there is no fake
    and nothing is called so (https://en.wikipedia.org/wiki/F-score)."""
    total = float(weights[called_fake].sum() + weights[is_fake].sum())
    return 2 * float(weights[called_fake & is_fake].sum()) / total if total > 0 else None
