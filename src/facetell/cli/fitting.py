"""What the commands share that write a calibrated model file."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import typer

from facetell.cli.progress import progress_bar

if TYPE_CHECKING:
    from facetell.data.manifest import Sample
    from facetell.detect.card import ModelCard


class Fit(Protocol):
    """Writes the model file, telling how many pictures are judged."""

    def __call__(self, *, threads: int, on_progress: Callable[[int, int], None]) -> "ModelCard": ...


def let_threads_sleep() -> None:
    """Before torch is loaded: threads that wait for each other sleep, so that on the same cores
    processes can prepare samples. By default OpenMP's spin, and all wait for all."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def fit_with_progress(fit: Fit, held_out: "Sequence[Sample]", out: Path) -> "ModelCard":
    """Let `fit` judge the val pictures in all tiers, and say what came of it."""
    from facetell.cli.writing import writing
    from facetell.errors import OutputError
    from facetell.train.release import TIERS

    if out.is_dir():
        raise OutputError(f"{out} is a folder", hint="name the model file, such as model.onnx")
    with (
        writing(out),
        progress_bar("judging val", len(held_out) * len(TIERS)) as advance,
    ):
        card = fit(threads=os.cpu_count() or 1, on_progress=lambda done, _: advance(done))
    typer.echo(
        f"wrote {out}: real below {card.thresholds.real_below:.3f}, "
        f"fake from {card.thresholds.fake_from:.3f}"
    )
    for said in told_apart(card):
        typer.echo(said)
    return card


def told_apart(card: "ModelCard") -> list[str]:
    """How well the model tells all fakes of val from all reals, and what that is worth, in a line;
    empty where it was not measured."""
    from facetell.evaluate.comparisons import EVERYTHING
    from facetell.evaluate.metrics import Interval
    from facetell.train.release import FALSE_ALARMS, MISSES

    lines = []
    for row in card.metrics:
        if (row.name, row.tier) != (EVERYTHING, "web"):
            continue
        auc = Interval(row.auc, row.low, row.high)
        doubts = ["may be chance"] if auc.may_be_chance else []
        if row.reals * FALSE_ALARMS < 1 or row.fakes * MISSES < 1:
            doubts.append("thresholds from so few mean little")
        told = f"val: AUC {auc} on {row.reals} real, {row.fakes} fake"
        lines.append(": ".join(filter(None, (told, ", and ".join(doubts)))))
    return lines
