"""`facetell detect PATH…`"""

import os
from pathlib import Path
from typing import Annotated

import typer

SPARED = ("OPENBLAS_NUM_THREADS", "PYDANTIC_DISABLE_PLUGINS")
"""Variables set to 1 for a quick start: judging has no use for NumPy's threads for linear algebra,
which are slow to begin, and pydantic would look for plugins among all packages installed."""

LATEST_S = 1e8
"""Three years: no clip is longer."""


def detect(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, clips, folders (searched through) or patterns such as '*.jpg'."
        ),
    ],
    json: Annotated[
        Path | None,
        typer.Option(
            help="Write JSON Lines: one report a line, in order, as it goes. '-' stands for "
            "standard output, here and for other texts; the table then goes to standard error."
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a table with one row per file.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write one self-contained page with pictures and evidence.")
    ] = None,
    heatmaps: Annotated[
        Path | None,
        typer.Option(help="Write the evidence of every face shown into this folder."),
    ] = None,
    boxes: Annotated[
        Path | None,
        typer.Option(help="Write every picture, or frame shown, with its faces boxed there."),
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option(help="Write a table with one row per face and judged frame of a clip."),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            help="Write the clip as MP4 with boxes, p_fake and a moving time line; for several "
            "clips into this folder."
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1000, help="Frames to judge in a second of a clip; by default 4."
        ),
    ] = None,
    every_frame: Annotated[
        bool, typer.Option("--every-frame", help="Judge every frame of a clip.")
    ] = False,
    start: Annotated[
        float, typer.Option(min=0, max=LATEST_S, help="Judge clips from this second on.")
    ] = 0.0,
    end: Annotated[
        float | None, typer.Option(min=0, max=LATEST_S, help="Judge clips up to this second.")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(min=0.01, help="Judge at most so many seconds of a clip.")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(min=0.1, help="Judge a clip as far as one gets in so many seconds."),
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
        typer.Option(
            "--resume",
            help="Go on with an interrupted run into the same --json file; files that have changed "
            "since are judged again.",
        ),
    ] = False,
) -> None:
    """Judge the faces in pictures and clips: real, fake or uncertain.

    Exit code: 0 all judged (a file without a face counts as judged), 1 some file failed, 2 wrong
    use, 3 the model cannot be used, 130 interrupted.
    """
    if "" in paths:
        raise typer.BadParameter("an empty path was given (a shell variable without a value?)")
    if resume and json is None:
        raise typer.BadParameter("--resume goes on with a --json file: name it too")
    if resume and json == Path("-"):
        raise typer.BadParameter("--resume needs a --json file; standard output cannot be read")
    if every_frame and fps is not None:
        raise typer.BadParameter("--fps and --every-frame exclude each other: name one")
    if end is not None and end <= start:
        raise typer.BadParameter("--end must lie behind --start")

    for variable in SPARED:
        os.environ.setdefault(variable, "1")
    from facetell.detect.session import DEFAULT_MODEL, FINDER_FILE, begin_to_open

    model = model or DEFAULT_MODEL
    begin_to_open(*([model] if whole else [model, FINDER_FILE]))

    from facetell.cli.judge import Outputs, judge
    from facetell.detect.analyze import Options
    from facetell.types import BY_DEFAULT, Sampling

    wanted_fps = None if every_frame else fps or BY_DEFAULT.fps
    code = judge(
        paths,
        Outputs(json, csv, html, heatmaps, boxes, frames, annotate),
        Options(
            finder="whole" if whole else "facetell",
            sampling=Sampling(wanted_fps, start, end, max_seconds),
            timeout_s=timeout,
        ),
        model=model,
        threads=threads or os.cpu_count() or 1,
        resume=resume,
    )
    raise typer.Exit(code)
