"""Pictures of numbers, drawn so that they can stand in a thesis."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from facetell.evaluate.runs import Run

BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by colour-blind eyes (Okabe & Ito 2008)
SMOOTHED = 0.9
STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "savefig.dpi": 150,
}


def plot_curves(run: Run, path: Path) -> None:
    """Loss and AUC on val over the steps of a run; the format is that of the path's ending."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        losses, aucs = figure.subplots(1, 2)
        steps = [point.step for point in run.history if point.loss is not None]
        loss = [point.loss for point in run.history if point.loss is not None]
        losses.plot(steps, loss, color=BLUE, alpha=0.25, linewidth=0.8)
        losses.plot(steps, _smooth(loss), color=BLUE, linewidth=1.8)
        losses.set(xlabel="step", ylabel="training loss", title="Loss (thick: smoothed)")
        looks = [(point.step, point.val_auc) for point in run.history if point.val_auc is not None]
        if looks:
            aucs.plot(*zip(*looks, strict=True), color=ORANGE, marker="o", markersize=4)
        else:
            aucs.text(0.5, 0.5, "no look at val", ha="center", transform=aucs.transAxes)
        aucs.set(xlabel="step", ylabel="AUC", title="AUC on val, tier web")
        for last, first in pairwise(run.history):
            if last.stage != first.stage:
                for axes in (losses, aucs):
                    axes.axvline(last.step, color="grey", linestyle=":", linewidth=1)
        figure.suptitle(f"{run.folder.name}: {run.recipe.get('architecture', '')}")
        figure.savefig(path)


def _smooth(values: list[float]) -> list[float]:
    """Exponential moving average, its beginning not pulled towards zero."""
    smoothed, total, weight = [], 0.0, 0.0
    for value in values:
        total = SMOOTHED * total + (1 - SMOOTHED) * value
        weight = SMOOTHED * weight + 1 - SMOOTHED
        smoothed.append(total / weight)
    return smoothed
