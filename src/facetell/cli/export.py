"""`facetell export`"""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from facetell.cli.options import RunName, ValPerSource


def export(
    run: Annotated[Path, typer.Argument(help="A run folder of `facetell train`.")],
    val: Annotated[list[Path], typer.Option(help="Data whose `val` split calibrates the model.")],
    out: Annotated[Path, typer.Option(help="The model file to write.")],
    keep: Annotated[
        Literal["best", "last"] | None,
        typer.Option(help="Which of the run's averaged weights; by default as its recipe says."),
    ] = None,
    val_per_source: ValPerSource = None,
    name: RunName = None,
) -> None:
    """Write a calibrated model file from a checkpoint of a run, finished or not."""
    from facetell.cli.fitting import fit_with_progress
    from facetell.data.layouts import split_of
    from facetell.evaluate.runs import read_run
    from facetell.train.checkpoints import load_run
    from facetell.train.learnt import read_learnt
    from facetell.train.release import release
    from facetell.train.run_folder import as_kept

    read_run(run)  # says what is wrong with the folder, if anything
    net, recipe = load_run(run, keep)
    learnt = read_learnt(run, recipe)
    held_out = split_of(val, "val", val_per_source)
    kept = as_kept(run, recipe, keep or recipe.keep)
    fit = partial(release, net, kept, learnt, held_out, out, name=name or run.resolve().name)
    fit_with_progress(fit, held_out, out)
