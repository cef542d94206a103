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
    return card
