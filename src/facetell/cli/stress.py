"""`facetell stress`"""

import os
from pathlib import Path
from typing import Annotated

import typer

from facetell.cli.options import PerSource


def stress(
    data: Annotated[list[Path], typer.Option("--data", help="Manifests, or label folders.")],
    out: Annotated[Path, typer.Option(help="Folder for stress.json, curves and report.html.")],
    model: Annotated[
        Path | None, typer.Argument(help="A model file; by default the one inside the package.")
    ] = None,
    split: Annotated[str, typer.Option(help="The split to treat.")] = "test",
    per_source: PerSource = None,
    into_card: Annotated[
        bool, typer.Option("--into-card", help="Write the result into the model's card.")
    ] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="By default one per core.")] = None,
) -> None:
    """Treat pictures badly, one way at a time, and see how far a model's numbers fall.

    JPEG, WebP, scaling, blur, noise, light, cutting, screenshots, platforms. The result is the
    model's robustness card, shown by `facetell models` where it was written into the file.
    """
    from facetell.cli.progress import progress_bar
    from facetell.cli.writers import explained
    from facetell.data.layouts import split_of
    from facetell.detect.analyze import Detector
    from facetell.detect.model import DEFAULT_MODEL
    from facetell.errors import DataError, MissingExtra

    try:
        from facetell.evaluate.report import write_stress
        from facetell.evaluate.stress import hardship, levels
        from facetell.evaluate.stress import stress as stressed
    except ImportError as error:
        raise MissingExtra(f"what a stress test needs ({error.name})", "train") from error

    chosen = split_of(data, split, per_source)
    if not chosen:
        raise DataError(f"the data name no picture of the split {split!r}", hint="see --split")
    path = model or DEFAULT_MODEL
    detector = Detector.load(path)
    rows = []
    with progress_bar("treating", len(chosen) * len(levels())) as advance:
        for level, found in stressed(chosen, detector, threads or os.cpu_count() or 1, advance):
            row = hardship(level, found, split)
            if row is None:
                raise DataError(
                    f"after {level.kind} {level.level} no real and fake picture could be judged",
                    hint="give more pictures of both labels",
                )
            rows.append(row)
            typer.echo(
                f"{row.kind + ' ' + row.level:<36} AUC {row.auc:.3f}  balanced "
                f"{row.balanced_accuracy:.3f}  uncertain {row.uncertain:.0%}"
            )
    with explained(out):
        write_stress(detector.model.card.name, rows, out)
    typer.echo(f"wrote {out / 'report.html'}")
    if into_card:
        from facetell.train.export import write_model

        card = detector.model.card.model_copy(update={"robustness": tuple(rows)})
        with explained(path):
            write_model(path.read_bytes(), card, path)
        typer.echo(f"wrote the card of {path}")
