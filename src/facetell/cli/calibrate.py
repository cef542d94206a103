"""`facetell calibrate`"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Align(StrEnum):
    """What places the crops; `detect.crop.CropSpec` says more."""

    BOX = "box"
    LEVEL = "level"
    LANDMARKS = "landmarks"


def calibrate(
    model: Annotated[Path, typer.Argument(help="A model file.")],
    val: Annotated[list[Path], typer.Option(help="Data whose `val` split calibrates the model.")],
    out: Annotated[Path, typer.Option(help="The model file to write.")],
    align: Annotated[
        Align | None, typer.Option(help="Place crops anew; by default as the model's card says.")
    ] = None,
) -> None:
    """Fit calibration and thresholds of a model again, on the val split; its weights stay.

    For other pictures than those it was fitted on, or after a change of the face finder.
    """
    from facetell.cli.progress import progress_bar
    from facetell.data.layouts import read_dataset
    from facetell.detect.model import Model
    from facetell.errors import MissingExtra

    try:
        from facetell.train.release import TIERS, recalibrate
    except ImportError as error:
        raise MissingExtra(f"what calibrating needs ({error.name})", "train") from error

    held_out = [s for manifest in val for s in read_dataset(manifest).samples if s.split == "val"]
    way = align.value if align else Model.load(model).card.crop.align
    with progress_bar("judging val", len(held_out) * len(TIERS)) as advance:
        card = recalibrate(
            model,
            way,
            held_out,
            out,
            threads=os.cpu_count() or 1,
            on_progress=lambda done, _: advance(done),
        )
    typer.echo(
        f"wrote {out}: real below {card.thresholds.real_below:.3f}, "
        f"fake from {card.thresholds.fake_from:.3f}"
    )
