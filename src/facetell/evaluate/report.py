"""An evaluation written down: metrics.json, pictures, and one self-contained page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facetell.detect.calibrate import Thresholds
from facetell.detect.card import NOTABLE_DROP, Hardship, notable
from facetell.errors import DataError
from facetell.evaluate.compare import Comparison, in_common
from facetell.evaluate.comparisons import EVERYTHING
from facetell.evaluate.generalisation import Matrix
from facetell.evaluate.metrics import Interval, auc
from facetell.evaluate.numbers import NAMES, Numbers, numbers
from facetell.evaluate.page import embedded, markdown_table, write_json, write_report, write_table
from facetell.evaluate.plots import (
    plot_bars,
    plot_generalisation,
    plot_histograms,
    plot_matrix,
    plot_reliability,
    plot_roc,
    plot_stress,
)
from facetell.evaluate.score import (
    Score,
    judged,
    labels_of,
    p_fakes_of,
    reliability_of,
    write_scores,
)
from facetell.evaluate.table import Summary, as_markdown, summarise
from facetell.evaluate.traits import TraitRow, Traits, by_trait, traits_table

FORMATS = ("png", "svg")


@dataclass(frozen=True)
class Evaluation:
    """Of one model in one tier. metadata: AUC of the metadata-only classifier on the same judged
    samples, None where there is no train split to teach it. robustness: the model's card of it,
    empty where it has none. traits: by groups of people, empty where nothing is known of them."""

    name: str
    tier: str
    thresholds: Thresholds
    scores: Sequence[Score]
    numbers: Numbers
    summary: Summary
    metadata: float | None
    robustness: Sequence[Hardship]
    traits: Sequence[TraitRow]

    @property
    def worst(self) -> str | None:
        """The kind of fake with the lowest AUC, in words; None where there are no two kinds."""
        kinds = [row for row in self.summary.comparisons if row.name != EVERYTHING]
        rows = [row for row in kinds if row.auc is not None]
        if len(rows) < 2:
            return None
        lowest = min(rows, key=lambda row: row.auc.value if row.auc else math.inf)
        return f"{lowest.name}: {lowest.auc}"


def evaluate_scores(
    name: str,
    tier: str,
    thresholds: Thresholds,
    scores: Sequence[Score],
    known: Mapping[str, float] | None,
    robustness: Sequence[Hardship] = (),
    traits: Traits | None = None,
) -> Evaluation:
    """known: by path, what the metadata-only classifier says. traits: of people in the pictures.

    Raises DataError where not a single sample has a score.
    """
    rows = judged(scores)
    if not rows:
        raise DataError(
            f"none of the {len(scores)} pictures could be judged by {name}",
            hint="facetell detect says of each why",
        )
    metadata = None
    if known:
        metadata = auc(labels_of(rows), np.array([known[score.path] for score in rows]))
    return Evaluation(
        name=name,
        tier=tier,
        thresholds=thresholds,
        scores=scores,
        numbers=numbers(scores),
        summary=summarise(scores, known),
        metadata=metadata,
        robustness=robustness,
        traits=by_trait(scores, traits) if traits else (),
    )


def write_evaluation(evaluation: Evaluation, folder: Path, *, table: str = "csv") -> None:
    """Write the scores (table: "csv" or "parquet"), metrics.json, the pictures as PNG and SVG, and
    report.html."""
    folder.mkdir(parents=True, exist_ok=True)
    write_scores(evaluation.scores, folder / f"scores.{table}")
    write_json(as_json(evaluation), folder / "metrics.json")
    rows = judged(evaluation.scores)
    limits = evaluation.thresholds.real_below, evaluation.thresholds.fake_from
    aucs = {r.name: r.auc for r in evaluation.summary.comparisons if r.auc is not None}
    for form in FORMATS:
        plot_roc({evaluation.name: evaluation.scores}, folder / f"roc.{form}")
        plot_matrix(evaluation.numbers, folder / f"confusion.{form}")
        plot_reliability(reliability_of(rows), folder / f"reliability.{form}")
        plot_histograms(labels_of(rows), p_fakes_of(rows), limits, folder / f"histograms.{form}")
        plot_bars(aucs, folder / f"comparisons.{form}", title="AUC by kind of fake, 95 %")
    write_report(
        "evaluation.html",
        folder,
        evaluation=evaluation,
        names=NAMES,
        drop=NOTABLE_DROP,
        traits=traits_table(evaluation.traits),
        pictures={
            name: embedded(folder / f"{name}.png")
            for name in ("roc", "confusion", "reliability", "histograms", "comparisons")
        },
    )


def evaluation_markdown(evaluation: Evaluation) -> str:
    """The tables of an evaluation as a section of Markdown."""
    text = as_markdown(evaluation.summary, evaluation.numbers)
    if evaluation.traits:
        text += "\n" + markdown_table(*traits_table(evaluation.traits)) + "\n"
    return text


def write_comparison(
    comparison: Comparison,
    scores: Mapping[str, Sequence[Score]],
    facts: Mapping[str, Mapping[str, str]],
    folder: Path,
) -> None:
    """Write metrics.json, the pictures and report.html. facts: by model, such as size and speed."""
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {
        "samples": comparison.samples,
        "left_out": comparison.left_out,
        "models": {
            name: found.as_json() | {"facts": dict(facts[name])}
            for name, found in comparison.models.items()
        },
        "kinds": {
            kind: {name: auc and asdict(auc) for name, auc in aucs.items()}
            for kind, aucs in comparison.kinds.items()
        },
        "differences": [
            {"one": d.one, "other": d.other, **asdict(d.auc), "real": d.real}
            for d in comparison.differences
        ],
    }
    write_json(content, folder / "metrics.json")
    aucs = {n: found.values["auc"] for n, found in comparison.models.items()}
    for form in FORMATS:
        plot_roc(in_common(scores), folder / f"roc.{form}")
        plot_bars({n: v for n, v in aucs.items() if v}, folder / f"auc.{form}", title="AUC, 95 %")
    write_report(
        "comparison.html",
        folder,
        comparison=comparison,
        facts=facts,
        names=NAMES,
        pictures={name: embedded(folder / f"{name}.png") for name in ("roc", "auc")},
    )
    names = list(comparison.models)
    rows = [[kind, *(_said(found[name]) for name in names)]
            for kind, found in comparison.kinds.items()]  # fmt: skip
    rows += [[what, *(facts[name][what] for name in names)] for what in facts[names[0]]]
    write_table(["AUC by kind of fake", *names], rows, folder)


def _said(interval: Interval | None) -> str:
    return "not defined" if interval is None else str(interval)


TREATED = "treated before the face finder"
ATTACKED = "changed against the network, in what it sees of the face, by somebody who has it"


def write_stress(
    name: str,
    rows: Sequence[Hardship],
    aucs: Sequence[Interval],
    folder: Path,
    *,
    how: str = TREATED,
) -> None:
    """Write stress.json, the curves and report.html; the first row is of untreated pictures.

    aucs: of each row, with its interval."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "model": name,
        "robustness": [row.model_dump() for row in rows],
        "auc": [asdict(auc) for auc in aucs],
        "may_be_chance": aucs[0].may_be_chance,
    }
    write_json(content, folder / "stress.json")
    for form in FORMATS:
        plot_stress(rows, folder / f"stress.{form}")
    write_report(
        "stress.html",
        folder,
        name=name,
        rows=rows,
        aucs=aucs,
        how=how,
        worst=[(row, aucs[rows.index(row)]) for row in notable(rows)],
        drop=NOTABLE_DROP,
        picture=embedded(folder / "stress.png"),
    )
    table = [
        (f"{row.kind} {row.level}", str(auc), f"{row.balanced_accuracy:.3f}",
         f"{row.uncertain:.0%}", str(row.unjudged))
        for row, auc in zip(rows, aucs, strict=True)
    ]  # fmt: skip
    write_table(
        [f"{rows[0].pictures} pictures of {rows[0].split}", "AUC [95 %]", "balanced accuracy",
         "uncertain", "no score"], table, folder,
    )  # fmt: skip


def write_matrix(matrix: Matrix, tier: str, folder: Path) -> None:
    """Write matrix.json, the heat map and report.html."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json({"tier": tier, **matrix.as_json(), "unseen": matrix.unseen}, folder / "matrix.json")
    for form in FORMATS:
        plot_generalisation(matrix, folder / f"matrix.{form}")
    unseen = matrix.unseen
    worst = min(unseen, key=lambda kind: unseen[kind], default="")
    write_report(
        "generalisation.html",
        folder,
        matrix=matrix,
        tier=tier,
        unseen=unseen,
        mean=sum(unseen.values()) / max(1, len(unseen)),
        worst={"kind": worst, "auc": unseen.get(worst)},
        picture=embedded(folder / "matrix.png"),
    )
    rows = [[row, *(_said(cells[kind]) for kind in matrix.plan.kinds)]
            for row, cells in matrix.cells.items()]  # fmt: skip
    write_table([f"trained (tier {tier})", *matrix.plan.kinds], rows, folder)


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """What metrics.json holds."""
    return {
        "model": evaluation.name,
        "tier": evaluation.tier,
        "thresholds": evaluation.thresholds.model_dump(),
        **evaluation.numbers.as_json(),
        "metadata_auc": evaluation.metadata,
        "may_be_chance": evaluation.numbers.may_be_chance,
        "mean_and_worst": evaluation.summary.mean_and_worst,
        "traits": [asdict(row) for row in evaluation.traits],
        "comparisons": [
            {name: value for name, value in asdict(row).items() if name != "one_of"}
            for row in evaluation.summary.comparisons
        ],
        "real_sources": [asdict(row) for row in evaluation.summary.reals],
    }
