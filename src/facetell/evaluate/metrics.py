"""Numbers that say how well real and fake are told apart, with intervals.

A score is the higher the more fake; `label` 1 = fake. A number that is not defined is None, never a
guess. Weights say how often a sample counts: the bootstrap draws them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
Weights = npt.NDArray[np.float64]
RESAMPLES = 400
SEED = 0
BINS = 15
CHANCE = 0.5
"""The area under the curve of who guesses."""


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def known_from(self, groups: int) -> "Interval":
        """The interval of a share, 0 to 1, as wide as so few groups make it.

        A bootstrap draws only what was seen: of three pictures told right, all of its draws are.
        But with a chance of 2.5 % they hide a kind that makes up 1 - 0.025^(1/3) of all, and that
        may all be told wrong (the rule of three: Hanley & Lippman-Hand 1983,
        https://doi.org/10.1001/jama.1983.03330370053031). Of many groups, next to nothing.
        """
        hidden = 1 - 0.025 ** (1 / max(1, groups))
        low, high = self.value * (1 - hidden), self.value + (1 - self.value) * hidden
        return Interval(self.value, min(self.low, low), max(self.high, high))

    @property
    def may_be_chance(self) -> bool:
        """Of an AUC: whether it reaches one half, or lies below."""
        return self.low <= CHANCE

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Curve:
    """What happens as the threshold falls: [K + 1] each, from flagging nothing to flagging all.

    false_alarms: share of the reals flagged. caught: share of the fakes flagged. precision: share
    of fakes among the flagged; 1 where nothing is.
    """

    false_alarms: Scores
    caught: Scores
    precision: Scores


class Ranking:
    """Samples from the most to the least suspicious; sorted once, asked often."""

    def __init__(self, labels: Labels, scores: Scores) -> None:
        self._order = np.argsort(-scores, kind="stable")
        self._labels = labels[self._order].astype(np.float64)
        falling = scores[self._order]
        self._ends = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)  # of each tie

    def curve(self, weights: Weights | None = None) -> Curve | None:
        """None where either label has no weight."""
        if not len(self._labels):
            return None
        here = np.ones(len(self._labels)) if weights is None else weights[self._order]
        fakes = np.cumsum(here * self._labels)[self._ends]
        flagged = np.cumsum(here)[self._ends]
        reals = flagged - fakes
        if fakes[-1] <= 0 or reals[-1] <= 0:
            return None
        return Curve(
            false_alarms=np.append(0, reals / reals[-1]),
            caught=np.append(0, fakes / fakes[-1]),
            precision=np.append(1, np.where(flagged > 0, fakes / np.maximum(flagged, 1e-12), 1)),
        )


def area(curve: Curve) -> float:
    """Area under the ROC curve: the share of pairs of a fake and a real in the right order."""
    return float(np.trapezoid(curve.caught, curve.false_alarms))


def average_precision(curve: Curve) -> float:
    """Mean precision over the fakes, in the order in which they are caught."""
    return float(np.sum(np.diff(curve.caught) * curve.precision[1:]))


def equal_error_rate(curve: Curve) -> float:
    """Where as large a share of the reals is flagged as of the fakes is missed."""
    return float(np.interp(0, curve.false_alarms + curve.caught - 1, curve.false_alarms))


def caught_at(curve: Curve, false_alarms: float) -> float:
    """Share of the fakes caught while at most so large a share of the reals is flagged."""
    return float(curve.caught[curve.false_alarms <= false_alarms + 1e-12].max())


def auc(labels: Labels, scores: Scores) -> float | None:
    """Area under the ROC curve; None when only one label is there."""
    curve = Ranking(labels, scores).curve()
    return None if curve is None else area(curve)


def expected_calibration_error(
    labels: Labels, p_fake: Scores, weights: Weights | None = None
) -> float:
    """Mean gap between p_fake and the share of fakes over equal-width bins, weighted by their size
    (Guo et al. 2017, https://arxiv.org/abs/1706.04599)."""
    return sum(abs(b.p_fake - b.fakes) * b.share for b in reliability(labels, p_fake, weights))


def evenly(labels: Labels) -> Weights:
    """Weights [N] that let all fakes together count as much as all reals, which is what p_fake
    assumes. Both labels must be there."""
    counts = np.bincount(labels, minlength=2)
    return np.asarray(1 / counts[labels], np.float64)


@dataclass(frozen=True)
class Bin:
    """Samples with a similar p_fake: its mean, the share of fakes among them, and their share."""

    p_fake: float
    fakes: float
    share: float


def reliability(labels: Labels, p_fake: Scores, weights: Weights | None = None) -> list[Bin]:
    """BINS bins of equal width, those that hold anything. weights [N]: all alike by default."""
    which = np.minimum((p_fake * BINS).astype(int), BINS - 1)
    weights = np.ones(len(labels)) if weights is None else weights
    found = []
    for here in (which == number for number in np.unique(which)):
        p, fakes = (float(np.average(v[here], weights=weights[here])) for v in (p_fake, labels))
        found.append(Bin(p, fakes, float(weights[here].sum() / weights.sum())))
    return found


def brier(labels: Labels, p_fake: Scores) -> float:
    """Mean squared distance of p_fake from the truth (Brier 1950)."""
    return float(np.mean((p_fake - labels) ** 2))


def log_loss(labels: Labels, p_fake: Scores) -> float:
    """Mean negative log-likelihood, in nats; p_fake is kept 1e-7 away from 0 and 1."""
    p = np.clip(p_fake, 1e-7, 1 - 1e-7)
    return float(-np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p)))


Statistics = Callable[[Weights], Mapping[str, float | None]]
"""Weights [N] -> numbers by name."""


def with_intervals(statistics: Statistics, groups: Sequence[str]) -> dict[str, Interval | None]:
    """Numbers and their 95 % intervals by a bootstrap over groups: what belongs together is drawn
    together (Field & Welsh 2007). None where a number is not defined."""
    values = statistics(np.ones(len(groups)))
    drawn: dict[str, list[float]] = {name: [] for name in values}
    for weights in group_draws(groups):
        for name, value in statistics(weights).items():
            if value is not None:
                drawn[name].append(value)
    return {
        name: None if value is None else _interval(value, drawn[name])
        for name, value in values.items()
    }


def auc_with_interval(labels: Labels, scores: Scores, groups: Sequence[str]) -> Interval | None:
    """Area under the ROC curve, known from as many groups as the scarcer label has; None when only
    one label is there."""
    ranking = Ranking(labels, scores)

    def statistics(weights: Weights) -> dict[str, float | None]:
        curve = ranking.curve(weights)
        return {"auc": None if curve is None else area(curve)}

    found = with_intervals(statistics, groups)["auc"]
    return found and found.known_from(min(groups_by_label(labels, groups)))


def groups_by_label(labels: Labels, groups: Sequence[str]) -> tuple[int, int]:
    """How many groups have a real, and how many a fake."""
    reals, fakes = ({g for g, one in zip(groups, labels, strict=True) if one == n} for n in (0, 1))
    return len(reals), len(fakes)


def group_draws(groups: Sequence[str]) -> Iterator[Weights]:
    """RESAMPLES times as many groups as there are, drawn with repetition: how often each sample
    was."""
    _, which = np.unique(np.asarray(groups), return_inverse=True)
    count = int(which.max()) + 1 if len(which) else 0
    rng = np.random.default_rng(SEED)
    for _ in range(RESAMPLES if count else 0):
        times = np.bincount(rng.integers(count, size=count), minlength=count)
        yield times[which].astype(np.float64)


def _interval(value: float, draws: list[float]) -> Interval:
    low, high = np.percentile(draws, [2.5, 97.5]) if draws else (value, value)
    return Interval(value, float(low), float(high))
