"""`facetell train`"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetell.cli.options import ModelName, RecipeFile, RecipeSettings, ValPerSource

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
    name: ModelName = "facetell",
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
    from facetell.data.manifest import groups_apart, groups_of_both
    from facetell.errors import DataError, MissingExtra

    let_threads_sleep()
    try:
        from facetell.evaluate.runs import MODEL_NAME
        from facetell.train.checkpoints import has_begun
        from facetell.train.detector import train_detector
        from facetell.train.loop import Machine, keep_recipe, steps_of, use_machine
        from facetell.train.recipe import read_recipe
        from facetell.train.release import release
        from facetell.train.run_folder import (
            as_kept,
            is_of,
            steps_alike,
            write_facts,
            write_results,
        )
    except ImportError as error:
        raise MissingExtra(f"what training needs ({error.name})", "train") from error

    follows = "LOCAL_RANK" in os.environ  # started by the first process of several
    if has_begun(out) and not (resume or follows):
        raise DataError(f"{out} holds a run", hint="go on with --resume, or use another --out")
    recipe = read_recipe(config, settings or [])
    if (out / MODEL_NAME).exists() and not follows:
        keep_recipe(recipe, out)
        typer.echo(f"{out} is finished: {out / MODEL_NAME}")
        return
    machine = Machine(workers, accelerator, devices, nodes)
    sets = [read_dataset(path) for path in data or []]
    for one in sets:
        typer.echo(one.recognised)
    held_out = split_of(val or data or [], "val", val_per_source)
    if not held_out:
        raise DataError(
            "there is no val split, and a model must be calibrated on one",
            hint="divide the data with facetell data split, or name more with --val",
        )
    if len({sample.label for sample in held_out}) < 2:
        raise DataError(
            "the val split holds one label alone, and a model is calibrated on both",
            hint="divide the data with facetell data split, or name more with --val",
        )
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
    learnt = [r.sample for r in opened.regions if r.sample.split == "train"]
    paths = {sample.path.resolve() for sample in learnt}
    if shared := [s.path for s in held_out if s.path.resolve() in paths]:
        raise DataError(
            f"{len(shared)} pictures are to be learnt from and to calibrate, such as {shared[0]}",
            hint="was the cache filled before the data were divided? Give DATA beside --cache",
        )
    if groups := sorted(groups_of_both(learnt, held_out)):
        raise DataError(
            f"{len(groups)} groups are to be learnt from and to calibrate, such as {groups[0]}",
            hint="a group is one clip or person; divide the data with facetell data split",
        )
    use_machine(os.cpu_count() or 1)
    if has_begun(out) and not is_of(out, opened):
        raise DataError(f"{out} learnt from other data", hint="give the same, or use another --out")
    if has_begun(out) and not steps_alike(out, machine):
        raise DataError(
            f"{out} was begun on another number of devices", hint="give the same, or another --out"
        )
    learnt_from = write_facts(out, opened, machine, recipe)
    with progress_bar("training", steps_of(recipe, machine)) as advance:
        try:
            net = train_detector(opened, recipe, out, machine=machine, on_step=shown(advance))
        except KeyboardInterrupt:
            typer.echo(f"stopped; the same command with --resume goes on with {out}")
            raise
    kept = as_kept(out, recipe, recipe.keep)
    fit = partial(release, net, kept, learnt_from, held_out, out / MODEL_NAME, name=name)
    write_results(out, fit_with_progress(fit, held_out, out / MODEL_NAME))


def shown(advance: "Callable[..., None]") -> "Callable[[Progress], None]":
    """What tells a progress bar of a training."""

    def show(progress: "Progress") -> None:
        auc = "" if progress.val_auc is None else f", AUC on val {progress.val_auc:.3f}"
        advance(progress.step, note=f"loss {progress.loss:.3f}{auc}")

    return show
