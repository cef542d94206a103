"""`facetell train`"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetell.cli.options import RecipeFile, RecipeSettings, RunName, ValPerSource

if TYPE_CHECKING:
    from facetell.train.loop import Progress


def train(
    out: Annotated[Path, typer.Option(help="Run folder for all that comes of it.")],
    data: Annotated[
        list[Path] | None,
        typer.Argument(help="Manifests, or label folders, with train and val splits."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Crop cache, as of `facetell data crops`; by default OUT/cache."),
    ] = None,
    val: Annotated[
        list[Path] | None,
        typer.Option(help="Data whose `val` split calibrates the model; by default DATA."),
    ] = None,
    val_per_source: ValPerSource = None,
    config: RecipeFile = None,
    settings: RecipeSettings = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in OUT.")] = False,
    name: RunName = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare samples.")] = 1,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, gpu or mps.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Devices to train on, per node.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines, as Lightning counts them.")] = 1,
) -> None:
    """Train a detector on labelled pictures, calibrate it on `val`, and write OUT/model.onnx.

    OUT gets the settings, the environment, logs, checkpoints and curves, too. Ctrl-C is safe: the
    same command with --resume goes on. `facetell runs` lists runs, `facetell models
    --architectures` what can be trained.
    """
    from facetell.cli.fitting import fit_with_progress, let_threads_sleep
    from facetell.cli.progress import progress_bar
    from facetell.data.crops import CropCache
    from facetell.data.layouts import read_dataset, split_of
    from facetell.data.manifest import groups_apart
    from facetell.errors import DataError

    let_threads_sleep()
    from facetell.evaluate.runs import MODEL_NAME
    from facetell.train.checkpoints import has_begun
    from facetell.train.detector import train_detector
    from facetell.train.loop import Machine, keep_recipe, steps_of, use_machine
    from facetell.train.recipe import read_recipe
    from facetell.train.release import release
    from facetell.train.run_folder import (
        as_kept,
        check_calibrates,
        check_held_out,
        write_facts,
        write_results,
    )

    follows = "LOCAL_RANK" in os.environ  # started by the first process of several
    if has_begun(out) and not (resume or follows):
        raise DataError(f"{out} holds a run", hint="go on with --resume, or use another --out")
    recipe = read_recipe(config, settings or [], out)
    if (out / MODEL_NAME).exists() and not follows:
        keep_recipe(recipe, out)
        typer.echo(f"{out} is finished: {out / MODEL_NAME}")
        return
    machine = Machine(workers, accelerator, devices, nodes)
    sets = [read_dataset(path) for path in data or []]
    for one in sets:
        typer.echo(one.recognised)
    held_out = split_of(val or data or [], "val", val_per_source)
    check_calibrates(held_out)
    if sets:
        from facetell.cli.data import fill_cache

        wanted = groups_apart(
            [s for one in sets for s in one.samples if s.split in ("train", "val")]
        )
        fill_cache(wanted, cache or out / "cache")
    elif cache is None:
        raise DataError("there is nothing to train on", hint="give DATA, or a --cache of crops")
    opened = CropCache(cache or out / "cache")
    if sets:
        opened = opened.of(wanted)
    check_held_out(held_out, opened)
    use_machine(os.cpu_count() or 1)
    learnt_from = write_facts(out, opened, machine, recipe)
    with progress_bar("training", steps_of(recipe, machine)) as advance:
        try:
            net = train_detector(opened, recipe, out, machine=machine, on_step=shown(advance))
        except KeyboardInterrupt:
            typer.echo(f"stopped; the same command with --resume goes on with {out}")
            raise typer.Exit(130) from None
    kept = as_kept(out, recipe, recipe.keep)
    fit = partial(
        release, net, kept, learnt_from, held_out, out / MODEL_NAME, name=name or out.resolve().name
    )
    write_results(out, fit_with_progress(fit, held_out, out / MODEL_NAME))


def shown(advance: "Callable[..., None]") -> "Callable[[Progress], None]":
    """What tells a progress bar of a training."""

    def show(progress: "Progress") -> None:
        auc = "" if progress.val_auc is None else f", AUC on val {progress.val_auc:.3f}"
        advance(progress.step, note=f"loss {progress.loss:.3f}{auc}")

    return show
