"""`facetell train`"""

import os
from pathlib import Path
from typing import Annotated

import typer


def train(
    cache: Annotated[Path, typer.Option(help="Crop cache made by `facetell data crops`.")],
    val: Annotated[list[Path], typer.Option(help="Data whose `val` split calibrates the model.")],
    out: Annotated[Path, typer.Option(help="Run folder; an interrupted run in it is continued.")],
    config: Annotated[
        Path | None, typer.Option(help="YAML file of settings that differ from the recipe's.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe, last: name=value.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the model's card calls it.")] = "facetell",
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare samples.")] = 1,
) -> None:
    """Train the detector by its recipe, calibrate it on `val`, and write OUT/model.onnx.

    Ctrl-C is safe: the same command goes on from the last checkpoint.
    """
    from facetell.cli.progress import progress_bar
    from facetell.data.crops import CropCache
    from facetell.data.layouts import read_dataset
    from facetell.errors import MissingExtra

    try:
        from facetell.train.loop import train as run_training
        from facetell.train.recipe import read_recipe
        from facetell.train.release import TIERS, release
    except ImportError as error:
        raise MissingExtra(f"what training needs ({error.name})", "train") from error

    recipe = read_recipe(config, settings or [])
    opened = CropCache(cache)
    held_out = [s for manifest in val for s in read_dataset(manifest).samples if s.split == "val"]
    with progress_bar("training", recipe.steps) as advance:
        net = run_training(
            opened, recipe, out, workers=workers, on_step=lambda step, _: advance(step)
        )
    with progress_bar("judging val", len(held_out) * len(TIERS)) as advance:
        card = release(
            net,
            recipe,
            opened,
            held_out,
            out / "model.onnx",
            name=name,
            threads=os.cpu_count() or 1,
            on_progress=lambda done, _: advance(done),
        )
    typer.echo(
        f"wrote {out / 'model.onnx'}: real below {card.thresholds.real_below:.3f}, "
        f"fake from {card.thresholds.fake_from:.3f}"
    )
