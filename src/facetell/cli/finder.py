"""`facetell finder …`"""

import os
from pathlib import Path
from typing import Annotated

import typer

from facetell.cli.options import PerSource, Processes, Splits

app = typer.Typer(help="Train the face finder.", no_args_is_help=True)


@app.command("label")
def label(
    where: Annotated[
        list[Path],
        typer.Argument(help="manifest.csv of pictures or clips, or a folder of natural scenes."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the labels; an existing one is continued.")],
    splits: Splits = ["train", "val"],  # noqa: B006 - typer reads it, nobody changes it
    per_source: PerSource = None,
    processes: Processes = None,
) -> None:
    """Let the teacher (CenterFace) find the faces of many pictures once, for training.

    A folder is one source, most of it without a face; the split of its files hangs on their names.
    """
    from facetell.cli.progress import progress_bar
    from facetell.data.labels import build_labels
    from facetell.data.manifest import capped, folder_samples, read_manifest

    listed = [s for w in where for s in (folder_samples(w) if w.is_dir() else read_manifest(w))]
    samples = [sample for sample in listed if sample.split in splits]
    if per_source:
        samples = capped(samples, per_source)
    with progress_bar("the teacher looks", len(samples)) as advance:
        kept, left_out = build_labels(samples, out, processes=processes, on_progress=advance)
    typer.echo(f"{kept} pictures added to {out}")
    if left_out:
        listing = out / "left_out.txt"
        listing.write_text("\n".join(left_out) + "\n", encoding="utf-8")
        typer.echo(f"{len(left_out)} left out: each is named with its reason in {listing}")


@app.command("train")
def train(
    labels: Annotated[Path, typer.Option(help="Folder made by `facetell finder label`.")],
    out: Annotated[Path, typer.Option(help="Run folder; an interrupted run in it is continued.")],
) -> None:
    """Train the finder, choose its threshold on val, and write OUT/faces.onnx.

    Ctrl-C is safe: the same command goes on from the last checkpoint.
    """
    from facetell.cli.progress import progress_bar
    from facetell.data.labels import LabelCache
    from facetell.train.finder import release_finder, train_finder
    from facetell.train.finder_recipe import FinderRecipe
    from facetell.train.loop import Machine, steps_of, use_machine

    # Half of the cores learn, the rest is for drawing scenes: with more, the two starve each other.
    use_machine((os.cpu_count() or 1) // 2)
    recipe, opened = FinderRecipe(), LabelCache(labels)
    with progress_bar("training", steps_of(recipe, Machine())) as advance:
        net = train_finder(
            opened, recipe, out, on_step=lambda p: advance(p.step, f"loss {p.loss:.3f}")
        )
    card = release_finder(net, recipe, opened, out / "faces.onnx")
    typer.echo(f"wrote {out / 'faces.onnx'}: a face from a score of {card.min_score:.2f}")
