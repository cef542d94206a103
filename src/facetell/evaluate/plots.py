"""Pictures of numbers, drawn so that they can stand in a thesis; the file's ending says the format.

Every function takes what it draws and the path to write.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from facetell.detect.card import Hardship
from facetell.evaluate.colours import COLOURS, FAKE, OTHER, REAL
from facetell.evaluate.generalisation import Matrix
from facetell.evaluate.metrics import Bin, Interval, Labels, Scores, area, group_draws
from facetell.evaluate.numbers import Numbers
from facetell.evaluate.runs import Run, smoothed
from facetell.evaluate.score import Score, judged, ranking_of

GRID = np.linspace(0, 1, 201)
STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "savefig.dpi": 150,
    "svg.fonttype": "none",
}


@contextmanager
def figure_at(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure that is saved at the end; sizes in inches."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        figure.savefig(path)


def plot_curves(run: Run, path: Path) -> None:
    """Loss and AUC on val over the steps of a run."""
    with figure_at(path, 9, 3.4) as figure:
        losses, aucs = figure.subplots(1, 2)
        steps = [point.step for point in run.history if point.loss is not None]
        loss = [point.loss for point in run.history if point.loss is not None]
        losses.plot(steps, loss, color=REAL, alpha=0.25, linewidth=0.8)
        losses.plot(steps, smoothed(loss), color=REAL, linewidth=1.8, marker=_dot(loss))
        losses.set(xlabel="step", ylabel="training loss", title="Loss (thick: smoothed)")
        looks = [(point.step, point.val_auc) for point in run.history if point.val_auc is not None]
        if looks:
            size = 10 if len(looks) == 1 else 4
            aucs.plot(*zip(*looks, strict=True), color=FAKE, marker="o", markersize=size)
        else:
            aucs.text(0.5, 0.5, "no look at val", ha="center", transform=aucs.transAxes)
        aucs.set(xlabel="step", ylabel="AUC", title="AUC on val, tier web")
        for last, first in pairwise(run.history):
            if last.stage != first.stage:
                for axes in (losses, aucs):
                    axes.axvline(last.step, color="grey", linestyle=":", linewidth=1)
        figure.suptitle(f"{run.folder.name}: {run.recipe.get('architecture', '')}")


def _dot(values: Sequence[float]) -> str | None:
    """A marker for what has no line: a single value."""
    return "o" if len(values) == 1 else None


def plot_roc(models: Mapping[str, Sequence[Score]], path: Path) -> None:
    """ROC and precision-recall curves of one or several models on the same samples.

    models: by name, their scores. One alone gets its 95 % band.
    """
    with figure_at(path, 9, 4.2) as figure:
        roc, pr = figure.subplots(1, 2)
        for (name, scores), colour in zip(models.items(), _colours(len(models)), strict=True):
            _draw_curves(roc, pr, name, scores, colour, band=len(models) == 1)
        roc.plot([0, 1], [0, 1], color=OTHER, linestyle=":", linewidth=1)
        roc.set(xlabel="reals flagged", ylabel="fakes caught", title="ROC", aspect="equal")
        pr.set(xlabel="fakes caught", ylabel="fakes among the flagged", aspect="equal")
        pr.set(title="Precision and recall", xlim=(0, 1.01), ylim=(0, 1.02))
        roc.legend(loc="lower right", frameon=False)


def _draw_curves(
    roc: Axes, pr: Axes, name: str, scores: Sequence[Score], colour: str, *, band: bool
) -> None:
    rows = judged(scores)
    ranking = ranking_of(rows)
    curve = ranking.curve()
    if curve is None:
        roc.plot([], [], color=colour, label=f"{name}: one label only")
        return
    label = f"{name}: AUC {area(curve):.3f}"
    roc.plot(curve.false_alarms, curve.caught, color=colour, linewidth=1.8, label=label)
    pr.plot(curve.caught[1:], curve.precision[1:], color=colour, linewidth=1.8)
    if band:
        drawn = (ranking.curve(w) for w in group_draws([score.group for score in rows]))
        curves = [curve for curve in drawn if curve is not None]
        caught = [np.interp(GRID, c.false_alarms, c.caught) for c in curves]
        right = [np.interp(GRID, c.caught[1:], c.precision[1:]) for c in curves]
        for axes, lines in ((roc, caught), (pr, right)):
            low, high = np.percentile(lines, [2.5, 97.5], axis=0)
            axes.fill_between(GRID, low, high, color=colour, alpha=0.18, linewidth=0)


def plot_matrix(numbers: Numbers, path: Path) -> None:
    """Confusion matrix: reals and fakes against the three verdicts, with shares of each row."""
    with figure_at(path, 4.6, 3.2) as figure:
        axes = figure.subplots()
        counts = np.array(numbers.matrix)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, column), count in np.ndenumerate(counts):
            share = shares[row, column]
            axes.text(
                column, row, f"{count}\n{share:.1%}", ha="center", va="center",
                color="white" if share > 0.6 else "black",
            )  # fmt: skip
        axes.set_xticks(range(3), ["real", "uncertain", "fake"])
        axes.set_yticks(range(2), ["real", "fake"])
        axes.set(xlabel="verdict", ylabel="truth")
        axes.grid(visible=False)


def plot_reliability(bins: Sequence[Bin], path: Path) -> None:
    """Share of fakes against p_fake: on the diagonal, p_fake means what it says."""
    with figure_at(path, 4.4, 4.2) as figure:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=OTHER, linestyle=":", linewidth=1)
        sizes = [20 + 400 * one.share for one in bins]
        axes.plot([b.p_fake for b in bins], [b.fakes for b in bins], color=REAL, linewidth=1)
        axes.scatter([b.p_fake for b in bins], [b.fakes for b in bins], s=sizes, color=REAL)
        axes.set(xlabel="p_fake", ylabel="share of fakes", title="Reliability (size: how many)")
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")


def plot_histograms(
    labels: Labels, p_fake: Scores, thresholds: tuple[float, float], path: Path
) -> None:
    """How p_fake is spread over reals and fakes; the thresholds as lines."""
    with figure_at(path, 6.4, 3.2) as figure:
        axes = figure.subplots()
        for label, colour, name in ((0, REAL, "real"), (1, FAKE, "fake")):
            chosen = p_fake[labels == label]
            weights = np.full(len(chosen), 1 / max(1, len(chosen)))
            axes.hist(chosen, bins=40, range=(0, 1), weights=weights, color=colour, alpha=0.55,
                      label=f"{name} ({len(chosen)})")  # fmt: skip
        for threshold in thresholds:
            axes.axvline(threshold, color="black", linestyle="--", linewidth=1)
        axes.set(xlabel="p_fake (dashed: thresholds)", ylabel="share", xlim=(0, 1))
        axes.legend(frameon=False)


def plot_bars(rows: Mapping[str, Interval], path: Path, *, title: str) -> None:
    """One bar with its interval for each name, 0 to 1."""
    with figure_at(path, 7.5, 1.1 + 0.28 * max(1, len(rows))) as figure:
        axes = figure.subplots()
        names = list(rows)[::-1]
        values = [rows[name].value for name in names]
        low = [max(0.0, rows[name].value - rows[name].low) for name in names]
        high = [max(0.0, rows[name].high - rows[name].value) for name in names]
        axes.barh(names, values, xerr=[low, high], color=REAL, alpha=0.8, ecolor="black")
        axes.set(xlim=(0, 1), title=title)
        axes.grid(visible=False, axis="y")


def plot_stress(rows: Sequence[Hardship], path: Path) -> None:
    """One small picture for each treatment: AUC, balanced accuracy and the share of uncertain, from
    the untreated pictures on."""
    untreated, kinds = rows[0], sorted({row.kind for row in rows[1:]})
    across = 4
    with figure_at(path, 11, 2.3 * -(-len(kinds) // across)) as figure:
        grid = figure.subplots(-(-len(kinds) // across), across, sharey=True, squeeze=False)
        for axes in grid.flat[len(kinds) :]:
            axes.set_visible(False)
        for kind, axes in zip(kinds, grid.flat, strict=False):
            found = [untreated, *(row for row in rows if row.kind == kind)]
            labels = ["-", *(row.level.replace(" ", "\n") for row in found[1:])]
            for name, colour in (("auc", REAL), ("balanced_accuracy", FAKE), ("uncertain", OTHER)):
                values = [getattr(row, name) for row in found]
                axes.plot(labels, values, color=colour, marker="o", markersize=3, label=name)
            axes.set(title=kind, ylim=(0, 1.02))
            axes.tick_params(axis="x", labelsize=6)
        names = ["AUC", "balanced accuracy", "uncertain"]
        figure.legend(grid.flat[0].get_lines(), names, loc="outside lower center", ncols=3)


def plot_generalisation(matrix: Matrix, path: Path) -> None:
    """AUC by training (rows) and kind of fake (columns); what was never seen is framed."""
    kinds, rows = matrix.plan.kinds, list(matrix.cells)
    values = np.array(
        [
            [np.nan if (c := matrix.cells[row][k]) is None else c.value for k in kinds]
            for row in rows
        ]
    )
    with figure_at(path, 3.2 + 0.75 * len(kinds), 2.2 + 0.45 * len(rows)) as figure:
        axes = figure.subplots()
        drawn = axes.imshow(values, cmap="cividis", vmin=0.5, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            colour = "white" if value < 0.75 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)
            if kinds[column] not in matrix.plan.rows[rows[row]]:
                corner = column - 0.46, row - 0.46
                axes.add_patch(Rectangle(corner, 0.92, 0.92, fill=False, edgecolor=FAKE, lw=2))
        axes.set_xticks(range(len(kinds)), kinds, rotation=40, ha="right")
        axes.set_yticks(range(len(rows)), rows)
        axes.set(xlabel="tested on", ylabel="trained")
        axes.grid(visible=False)
        figure.colorbar(drawn, ax=axes, label="AUC (0.5 or less: chance)")


def _colours(count: int) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(count)]
