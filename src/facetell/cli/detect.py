"""`facetell detect PATH…`"""

import os
from pathlib import Path
from typing import Annotated

import typer


def detect(
    paths: Annotated[
        list[str],
        typer.Argument(help="Pictures, folders (searched through) or patterns such as '*.jpg'."),
    ],
    json: Annotated[
        Path | None, typer.Option(help="Write JSON Lines: one report a line, in order, as it goes.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a table with one row per file.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write one self-contained page with pictures and evidence.")
    ] = None,
    heatmaps: Annotated[
        Path | None, typer.Option(help="Write the evidence of every face into this folder.")
    ] = None,
    boxes: Annotated[
        Path | None, typer.Option(help="Write every picture with its faces boxed into this folder.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A model file; by default the one inside the package.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processor threads to use; by default all.")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Judge each picture as one face crop, without a finder.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with an interrupted run into the same --json file."),
    ] = False,
) -> None:
    """Judge the faces in pictures: real, fake or uncertain.

    Exit code: 0 all judged (a picture without a face counts as judged), 1 some file failed, 2 wrong
    use, 3 the model cannot be used, 130 interrupted.
    """
    from facetell.cli.judge import Outputs, judge
    from facetell.detect.model import DEFAULT_MODEL

    if "" in paths:
        raise typer.BadParameter("an empty path was given (a shell variable without a value?)")
    if resume and json is None:
        raise typer.BadParameter("--resume goes on with a --json file: name it too")
    code = judge(
        paths,
        Outputs(json=json, csv=csv, html=html, heatmaps=heatmaps, boxes=boxes),
        model=model or DEFAULT_MODEL,
        threads=threads or os.cpu_count() or 1,
        finder="whole" if whole else "facetell",
        resume=resume,
    )
    raise typer.Exit(code)
