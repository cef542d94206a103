"""`facetell explain IMAGE…`"""

from pathlib import Path
from typing import Annotated

import typer


def explain(
    images: Annotated[list[str], typer.Argument(help="Pictures, clips, folders or patterns.")],
    out: Annotated[Path, typer.Option(help="Folder for a PNG per face, report.html, explain.json")],
    model: Annotated[
        Path | None, typer.Option(help="A model file; by default the one inside the package.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="A finished run instead: Grad-CAM++ and saliency of its checkpoint, too"),
    ] = None,
    faces: Annotated[int, typer.Option(min=1, help="Most suspicious faces of each picture.")] = 1,
    spectra: Annotated[
        Path | None,
        typer.Option(help="What real faces look like, by `facetell data spectra`."),
    ] = None,
) -> None:
    """Show why a model says what it says: evidence, Grad-CAM++, saliency, and the face by
    frequencies.

    Of every map is measured how well it finds what the decision hangs on, so that you know which to
    believe. Exit code: 0 all explained, 1 some picture could not be judged.
    """
    from facetell.cli.explaining import write_explanations

    if model and run:
        raise typer.BadParameter("a run has its own model: give --model or --run")
    code = write_explanations(images, out, model, run, faces, spectra)
    raise typer.Exit(code)
