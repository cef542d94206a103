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
    name: ModelName = "facetell",
) -> None:
    """Join several detectors into one model file, calibrated anew.

    Its score is the mean of their calibrated log-odds, its evidence the mean of theirs.
    """
    from facetell.cli.fitting import fit_with_progress
    from facetell.data.layouts import split_of
    from facetell.errors import MissingExtra

    try:
        from facetell.train.join import join as joined
        from facetell.train.release import calibrate
    except ImportError as error:
        raise MissingExtra(f"what joining needs ({error.name})", "train") from error

    data, draft = joined(models, name, mirrored or [])
    held_out = split_of(val, "val", val_per_source)
    fit_with_progress(partial(calibrate, data, draft, held_out, out), held_out, out)
