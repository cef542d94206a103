"""From score tables to the numbers a reader needs, as records and as Markdown."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facetell.evaluate.comparisons import Comparison, comparisons, members
from facetell.evaluate.metrics import (
    Interval,
    auc,
    evenly,
    expected_calibration_error,
)
from facetell.evaluate.numbers import Numbers
from facetell.evaluate.page import markdown_table
from facetell.evaluate.score import Score, auc_of, judged, labels_of, p_fakes_of
from facetell.types import Verdict

FAKES_HEAD = (
    *("fakes / reals", "n", "AUC [95 %]", "metadata only"),
    *("called real", "uncertain", "called fake"),
)
REALS_HEAD = ("real source", "n", "called fake", "uncertain", "called real")
UNDEFINED = "not defined"


@dataclass(frozen=True)
class ComparisonRow:
    """How well one kind of fake is told from real pictures.

    metadata_auc: of a classifier that sees no pixel, on the same samples. called_real, uncertain,
    called_fake: shares of the fakes, at the model's own thresholds. one_of: as in `Comparison`.
    """

    name: str
    fakes: int
    reals: int
    auc: Interval | None
    metadata_auc: float | None
    called_real: float
    uncertain: float
    called_fake: float
    one_of: bool


@dataclass(frozen=True)
class RealRow:
    """How one real source fares: shares called fake, uncertain, real."""

    source: str
    judged: int
    called_fake: float
    uncertain: float
    called_real: float


@dataclass(frozen=True)
class Summary:
    """One tier by kind of fake and by real source. even_ece: expected calibration error with real
    and fake weighing the same; None where a label is missing."""

    tier: str
    even_ece: float | None
    comparisons: list[ComparisonRow]
    reals: list[RealRow]

    @property
    def mean_and_worst(self) -> list[str]:
        """Over the generators the AUC, over the real sources the share called fake, in words."""
        said = []
        aucs = {r.name: r.auc.value for r in self.comparisons if r.one_of and r.auc is not None}
        if len(aucs) > 1:
            worst = min(aucs, key=lambda name: aucs[name])
            mean = sum(aucs.values()) / len(aucs)
            said.append(
                f"{len(aucs)} kinds of fakes, each alone: AUC {mean:.3f} on average, worst "
                f"{aucs[worst]:.3f} ({worst})"
            )
        if len(self.reals) > 1:
            wrong = max(self.reals, key=lambda row: row.called_fake)
            mean = sum(row.called_fake for row in self.reals) / len(self.reals)
            said.append(
                f"{len(self.reals)} real sources: {mean:.1%} called fake on average, worst "
                f"{wrong.called_fake:.1%} ({wrong.source}, {wrong.judged} pictures)"
            )
        return said


def summarise(scores: Sequence[Score], metadata: Mapping[str, float] | None = None) -> Summary:
    """scores: of one tier. metadata: by path, what the metadata-only classifier says."""
    rows = judged(scores)
    labels, p_fake = labels_of(rows), p_fakes_of(rows)
    return Summary(
        tier=scores[0].tier,
        even_ece=(
            expected_calibration_error(labels, p_fake, evenly(labels))
            if 0 < labels.sum() < len(labels)
            else None
        ),
        comparisons=[
            _comparison_row(comparison, members(comparison, rows), metadata)
            for comparison in comparisons(rows)
        ],
        reals=[
            _real_row(source, [s for s in rows if s.source == source and not s.label])
            for source in sorted({s.source for s in rows if not s.label})
        ],
    )


def _comparison_row(
    comparison: Comparison, scores: Sequence[Score], metadata: Mapping[str, float] | None
) -> ComparisonRow:
    fakes = [score for score in scores if score.label]
    known = np.array([metadata[score.path] for score in scores]) if metadata else None
    return ComparisonRow(
        name=comparison.name,
        fakes=len(fakes),
        reals=len(scores) - len(fakes),
        auc=auc_of(scores),
        metadata_auc=None if known is None else auc(labels_of(scores), known),
        called_real=_share(fakes, Verdict.REAL),
        uncertain=_share(fakes, Verdict.UNCERTAIN),
        called_fake=_share(fakes, Verdict.FAKE),
        one_of=comparison.one_of,
    )


def _real_row(source: str, scores: Sequence[Score]) -> RealRow:
    return RealRow(
        source=source,
        judged=len(scores),
        called_fake=_share(scores, Verdict.FAKE),
        uncertain=_share(scores, Verdict.UNCERTAIN),
        called_real=_share(scores, Verdict.REAL),
    )


def _share(scores: Sequence[Score], verdict: Verdict) -> float:
    return sum(score.verdict == verdict for score in scores) / max(1, len(scores))


def right_by_source(judged: Sequence[Score]) -> dict[str, float]:
    """By label and source, the share judged right: reals not called fake, fakes called fake.
    "uncertain" is not called fake, as everywhere."""
    found: defaultdict[str, list[bool]] = defaultdict(list)
    for score in judged:
        called_fake = score.verdict == Verdict.FAKE
        label = ("real", "fake")[score.label]
        found[f"{label}: {score.source}"].append(called_fake == bool(score.label))
    return {name: sum(right) / len(right) for name, right in sorted(found.items())}


def as_markdown(summary: Summary, numbers: Numbers) -> str:
    """Both, of the same scores, as a section of Markdown."""
    samples = numbers.reals + numbers.fakes + sum(numbers.unjudged.values())
    unjudged = ", ".join(f"{n} {status}" for status, n in numbers.unjudged.items()) or "none"
    ece = UNDEFINED if numbers.ece is None else f"{numbers.ece:.3f}"
    even = (
        ""
        if summary.even_ece is None
        else f" ({summary.even_ece:.3f} with real and fake weighing the same, as p_fake assumes)"
    )
    fakes = [
        [row.name, f"{row.fakes} / {row.reals}", "undefined" if row.auc is None else str(row.auc),
         "" if row.metadata_auc is None else f"{row.metadata_auc:.3f}",
         *_percent(row.called_real, row.uncertain, row.called_fake)]
        for row in summary.comparisons
    ]  # fmt: skip
    reals = [
        [row.source, str(row.judged), *_percent(row.called_fake, row.uncertain, row.called_real)]
        for row in summary.reals
    ]
    tables = ((FAKES_HEAD, fakes), (REALS_HEAD, reals))
    parts = [
        f"## Tier {summary.tier}",
        f"{samples} pictures; without a score: {unjudged}. Expected calibration error {ece}{even}; "
        f"uncertain {_rest(numbers.values['coverage'])}; wrong of the decided "
        f"{_rest(numbers.values['right_of_decided'])}.",
        *(f"- {said}" for said in summary.mean_and_worst),
        *(markdown_table(head, rows) for head, rows in tables if rows),
    ]
    return "\n\n".join(parts) + "\n"


def _rest(share: Interval | None) -> str:
    return UNDEFINED if share is None else f"{1 - share.value:.1%}"


def _percent(*shares: float) -> list[str]:
    return [f"{share:.1%}" for share in shares]
