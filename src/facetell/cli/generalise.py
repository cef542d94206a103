"""`facetell generalise`"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facetell.cli.options import RecipeFile, RecipeSettings
from facetell.errors import DataError

if TYPE_CHECKING:
    from facetell.evaluate.generalisation import Matrix


def generalise(
    data: Annotated[
        list[Path], typer.Argument(help="Manifests, or label folders, with train and test splits.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the runs, matrix.json and report.html.")],
    by: Annotated[
        Literal["generator", "source"], typer.Option(help="What makes a kind of fake.")
    ] = "generator",
    mode: Annotated[
        Literal["without", "only"],
        typer.Option(help="Train without each kind, or on each kind alone."),
    ] = "without",
    least: Annotated[int, typer.Option(min=2, help="Training fakes a kind must have.")] = 50,
    test_per_source: Annotated[
        int | None, typer.Option(min=1, help="Test on at most so many of a source, by name.")
    ] = None,
    tier: Annotated[str, typer.Option(help="clean, web or hard: of the test pictures.")] = "web",
    config: RecipeFile = None,
    settings: RecipeSettings = None,
    cache: Annotated[
        Path | None, typer.Option(help="Crop cache to use or fill; by default OUT/cache.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare samples.")] = 1,
) -> None:
    """Train without each kind of fake in turn, and see how it is told all the same.

    A training for all kinds and one for each, by the same recipe; each is tested on every kind. The
    result is a matrix of AUCs with intervals, as a table and a heat map. Ctrl-C is safe: the same
    command goes on.
    """
    from facetell.cli.data import fill_cache
    from facetell.cli.fitting import let_threads_sleep
    from facetell.cli.progress import progress_bar
    from facetell.cli.train import shown
    from facetell.cli.writing import writing
    from facetell.data.crops import CropCache
    from facetell.data.layouts import read_samples
    from facetell.data.manifest import capped
    from facetell.evaluate.subjects import check_tiers

    let_threads_sleep()
    from facetell.evaluate.generalisation import plan
    from facetell.evaluate.report import write_matrix
    from facetell.train.generalise import generalise as trained
    from facetell.train.loop import Machine, steps_of, use_machine
    from facetell.train.recipe import read_recipe

    check_tiers([tier])
    recipe = read_recipe(config, settings or [])
    samples = read_samples(data)
    if test_per_source:
        tests = [sample for sample in samples if sample.split == "test"]
        samples = [sample for sample in samples if sample.split != "test"]
        samples += capped(tests, test_per_source)
    chosen = plan(samples, by, mode, least)
    if not any(s.label == 0 and s.split == "test" for s in samples):
        raise DataError("there is no real test picture", hint="facetell data split")
    typer.echo(f"{len(chosen.rows)} trainings over {len(chosen.kinds)} {by}s")
    fill_cache(samples, cache or out / "cache")
    opened = CropCache(cache or out / "cache").of(samples)
    use_machine(os.cpu_count() or 1)
    machine = Machine(workers)
    steps = steps_of(recipe, machine)
    with progress_bar("training", steps) as advance:
        found = trained(
            *(chosen, opened, recipe, tier, out),
            machine=machine,
            on_row=lambda row: typer.echo(f"training: {row}"),
            on_step=shown(advance),
        )
    with writing(out):
        write_matrix(found, tier, out)
    _say(found)
    typer.echo(f"wrote {out / 'report.html'}")


def _say(found: "Matrix") -> None:
    for row, cells in found.cells.items():
        shown = (f"{kind} {'-' if c is None else f'{c.value:.3f}'}" for kind, c in cells.items())
        typer.echo(f"{row}: {', '.join(shown)}")
    if found.unseen:
        worst = min(found.unseen, key=lambda kind: found.unseen[kind])
        mean = sum(found.unseen.values()) / len(found.unseen)
        typer.echo(f"never seen: mean {mean:.3f}, worst {worst} {found.unseen[worst]:.3f}")
