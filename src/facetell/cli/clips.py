"""`facetell clips evaluate` and `facetell clips calibrate`"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetell.cli.options import Splits

if TYPE_CHECKING:
    from facetell.data.manifest import Sample
    from facetell.detect.analyze import Detector
    from facetell.evaluate.clips import JudgedClip

app = typer.Typer(help="Measure and calibrate the judging of clips.", no_args_is_help=True)

Data = Annotated[list[Path], typer.Option("--data", help="Manifests of clips, or label folders.")]


@app.command()
def evaluate(
    data: Data,
    model: Annotated[
        Path | None, typer.Argument(help="A model file; by default the one inside the package.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables into this file.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the same, as report.md.")] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help="A manifest with single frames of more clips, in folders `video_faces`."),
    ] = None,
    splits: Splits = ["train", "val", "test"],  # noqa: B006 - typer reads it, nobody changes it
) -> None:
    """Measure frames, tracks and whole clips of each split, and, on train and val, other ways to
    add frames up and temporal signs."""
    from facetell.cli.progress import progress_bar
    from facetell.cli.writing import writing
    from facetell.data.manifest import read_manifest
    from facetell.detect.analyze import Detector
    from facetell.detect.session import DEFAULT_MODEL
    from facetell.evaluate.clips_page import as_markdown
    from facetell.evaluate.score import score_samples

    threads = os.cpu_count() or 1
    detector = Detector.load(model or DEFAULT_MODEL, threads=threads)
    clips = _judged(data, splits, detector)
    frames = _one_source(read_manifest(pictures), "video_faces") if pictures else []
    scores = []
    with progress_bar("judging pictures", len(frames)) as advance:
        for score in score_samples(frames, detector, "clean", threads):
            scores.append(score)
            advance(len(scores))
    text = as_markdown(clips, scores, detector)
    typer.echo(text)
    for path in filter(None, (markdown, out and out / "report.md")):
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        typer.echo(f"wrote {path}")


@app.command()
def calibrate(
    data: Data,
    model: Annotated[Path, typer.Argument(help="A model file.")],
    out: Annotated[Path, typer.Option(help="The model file to write.")],
) -> None:
    """Fit how the frames of a clip add up, on clips of the val split, and write it into the card.

    Few clips move it little: it is held to the calibration of single frames.
    """
    from facetell.cli.writing import writing
    from facetell.detect.analyze import Detector
    from facetell.evaluate.clip_calibration import fit_clips
    from facetell.train.export import write_model

    detector = Detector.load(model, threads=os.cpu_count() or 1)
    rule = fit_clips(_judged(data, ["val"], detector))
    card = detector.model.card.model_copy(update={"clips": rule})
    with writing(out):
        write_model(model.read_bytes(), card, out)
    typer.echo(
        f"wrote {out}: slope {rule.slope:.2f}, intercept {rule.intercept:.2f}, "
        f"noise {rule.noise:.2f}; {rule.fitted_on}"
    )


def _one_source(samples: "list[Sample]", source: str) -> "list[Sample]":
    """The pictures of `val` and `test` that lie in a folder of that name."""
    return [s for s in samples if source in s.path.parts and s.split != "train"]


def _judged(data: list[Path], splits: list[str], detector: "Detector") -> "list[JudgedClip]":
    from facetell.cli.progress import progress_bar
    from facetell.data.layouts import read_samples
    from facetell.evaluate.clips import judge_clips

    samples = read_samples(data, splits)
    clips = []
    with progress_bar("judging clips", len(samples)) as advance:
        for clip in judge_clips(samples, detector):
            clips.append(clip)
            advance(len(clips))
    return clips
