"""`facetell train`"""

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from facetell.train.recipe import Recipe


PLAIN = (int, float, str, bool)


def train(
    cache: Annotated[Path, typer.Option(help="Crop cache made by `facetell data crops`.")],
    val: Annotated[list[Path], typer.Option(help="Data whose `val` split calibrates the model.")],
    out: Annotated[Path, typer.Option(help="Run folder; an interrupted run in it is continued.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe: name=value.")
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
        from facetell.train.recipe import Recipe
        from facetell.train.release import TIERS, release
    except ImportError as error:
        raise MissingExtra(f"what training needs ({error.name})", "train") from error

    recipe = replace(Recipe(), **_parse(settings or [], Recipe))
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


def _parse(settings: list[str], recipe: "type[Recipe]") -> dict[str, Any]:
    """`name=value` texts as the recipe's own types; only plain numbers and words can be set."""
    defaults = {f.name: getattr(recipe(), f.name) for f in fields(recipe)}
    parsed: dict[str, Any] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        kind = type(defaults.get(name))
        if kind not in PLAIN:
            names = [n for n, value in defaults.items() if type(value) in PLAIN]
            raise typer.BadParameter(
                f"--set {setting}: use name=value with one of {', '.join(names)}"
            )
        try:
            parsed[name] = {"true": True, "false": False}[text] if kind is bool else kind(text)
        except (ValueError, KeyError) as error:
            raise typer.BadParameter(f"--set {setting}: {name} is a {kind.__name__}") from error
    return parsed
