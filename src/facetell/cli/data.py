"""`facetell data …`"""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Look at and prepare data sets.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `crops` a command of its own while it is the only one."""


@app.command("crops")
def crops(
    manifests: Annotated[list[Path], typer.Argument(help="One manifest.csv or several.")],
    out: Annotated[Path, typer.Option(help="Folder of the cache; an existing one is continued.")],
    splits: Annotated[
        list[str], typer.Option("--split", help="Splits to take; may be given several times.")
    ] = ["train", "val"],  # noqa: B006 - typer reads it, nobody changes it
    processes: Annotated[int | None, typer.Option(min=1, help="By default one per core.")] = None,
) -> None:
    """Find the largest face of every picture once and keep it decoded, for training."""
    from facetell.cli.progress import progress_bar
    from facetell.data.crops import build_cache
    from facetell.data.manifest import read_manifest

    samples = [s for manifest in manifests for s in read_manifest(manifest) if s.split in splits]
    with progress_bar("finding faces", len(samples)) as advance:
        kept, left_out = build_cache(samples, out, processes=processes, on_progress=advance)
    typer.echo(f"{kept} of {len(samples)} pictures kept in {out}")
    if left_out:
        listing = out / "left_out.txt"
        listing.write_text("\n".join(left_out) + "\n", encoding="utf-8")
        typer.echo(f"{len(left_out)} left out: each is named with its reason in {listing}")
