"""`facetell join`"""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from facetell.cli.options import ModelName, ValPerSource


def join(
    models: Annotated[list[Path], typer.Argument(help="Model files, two or more.")],
    val: Annotated[list[Path], typer.Option(help="Data whose `val` split calibrates the model.")],
    out: Annotated[Path, typer.Option(help="The model file to write.")],
    val_per_source: ValPerSource = None,
    mirrored: Annotated[
        list[int] | None,
        typer.Option(
            help="Number of a model, from 1, that also looks at each face mirrored; may be given "
            "several times. Steadier, and twice its milliseconds.",
            show_default=False,
        ),
    ] = None,
    average: Annotated[
        bool,
        typer.Option(
            "--average",
            help="Mean of their weights instead: one network, for models that learnt on from one "
            "another.",
        ),
    ] = False,
    name: ModelName = "facetell",
) -> None:
    """Join several detectors into one model file, calibrated anew.

    Its score is the mean of their calibrated log-odds, its evidence the mean of theirs; with
    --average it has the mean of their weights. A model named twice counts twice.
    """
    from facetell.cli.fitting import fit_with_progress
    from facetell.data.layouts import split_of
    from facetell.errors import DataError

    if average and mirrored:
        raise DataError("an average is one network", hint="give --average or --mirrored, not both")
    from facetell.train.average import average as averaged
    from facetell.train.join import join as joined
    from facetell.train.release import calibrate

    data, draft = averaged(models, name) if average else joined(models, name, mirrored or [])
    held_out = split_of(val, "val", val_per_source)
    fit_with_progress(partial(calibrate, data, draft, held_out, out), held_out, out)
