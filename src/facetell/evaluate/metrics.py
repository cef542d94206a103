"""Numbers that say how well real and fake are told apart, with intervals.

`p_fake`, higher = more fake; `label` 1 = fake. A number that is not defined is None, never a guess.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facetell.errors import MissingExtra

try:
    from sklearn.metrics import roc_auc_score
except ImportError as error:
    raise MissingExtra("scikit-learn", "train") from error

Labels = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
RESAMPLES = 400


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def auc(labels: Labels, scores: Scores) -> float | None:
    """Area under the ROC curve; None when only one label is there."""
    if len(np.unique(labels)) < 2:
        return None
    return float(roc_auc_score(labels, scores))


def with_interval(
    metric: Callable[[Labels, Scores], float | None],
    labels: Labels,
    scores: Scores,
    groups: Sequence[str],
    seed: int = 0,
) -> Interval | None:
    """The metric and its 95 % interval by a bootstrap over groups (what belongs together is drawn
    together; Field & Welsh 2007). None where the metric is not defined."""
    value = metric(labels, scores)
    if value is None:
        return None
    members = _members(groups)
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        drawn = metric(labels[chosen], scores[chosen])
        if drawn is not None:
            draws.append(drawn)
    low, high = np.percentile(draws, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def expected_calibration_error(labels: Labels, p_fake: Scores, bins: int = 15) -> float:
    """Mean gap between p_fake and the share of fakes over equal-width bins, weighted by their size
    (Guo et al. 2017, https://arxiv.org/abs/1706.04599)."""
    which = np.minimum((p_fake * bins).astype(int), bins - 1)
    gap = 0.0
    for number in np.unique(which):
        here = which == number
        gap += abs(float(p_fake[here].mean() - labels[here].mean())) * float(here.mean())
    return gap


def _members(groups: Sequence[str]) -> list[npt.NDArray[np.intp]]:
    _, which = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(which, kind="stable")
    starts = np.flatnonzero(np.diff(which[order])) + 1
    return list(np.split(order, starts))
