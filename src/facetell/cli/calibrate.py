"""`facetell calibrate`"""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer


def calibrate(
    model: Annotated[Path, typer.Argument(help="A model file.")],
    val: Annotated[list[Path], typer.Option(help="Data whose `val` split calibrates the model.")],
    out: Annotated[Path, typer.Option(help="The model file to write.")],
    align: Annotated[
        Literal["box", "level", "landmarks"] | None,
        typer.Option(help="Place crops anew; by default as the model's card says."),
    ] = None,
) -> None:
    """Fit calibration and thresholds of a model again, on the val split; its weights stay.

    For other pictures than those it was fitted on, or after a change of the face finder.
    """
    from facetell.cli.fitting import fit_with_progress
    from facetell.data.layouts import split_of
    from facetell.detect.model import Model
    from facetell.train.release import recalibrate

    held_out = split_of(val, "val")
    way = align or Model.load(model).card.crop.align
    fit_with_progress(partial(recalibrate, model, way, held_out, out), held_out, out)
