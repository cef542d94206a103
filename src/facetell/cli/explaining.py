"""Explain many pictures: a row for each as it is done, and what was asked for on disk."""

from collections.abc import Mapping
from pathlib import Path

import typer

from facetell.cli.progress import progress_bar
from facetell.cli.quiet import quiet_libraries
from facetell.cli.screen import printable
from facetell.cli.writing import writing
from facetell.detect.analyze import Detector
from facetell.detect.find import find_media
from facetell.detect.report import p_text
from facetell.detect.session import DEFAULT_MODEL
from facetell.errors import DataError
from facetell.evaluate.explain import Explained, Explainer, explain
from facetell.evaluate.explain_page import draw_explanations, write_page
from facetell.evaluate.runs import model_of
from facetell.evaluate.spectrum import REFERENCE, read_references
from facetell.types import Status


def write_explanations(
    images: list[str],
    out: Path,
    model: Path | None,
    run: Path | None,
    faces: int,
    spectra: Path | None,
) -> int:
    """Explain everything that `images` names. Returns the exit code."""
    references = read_references(spectra or REFERENCE)
    others: Mapping[str, Explainer] = {}
    if run:
        from facetell.train.explain import explainers

        model = model_of(run)
        others = explainers(run)
    detector = Detector.load(model or DEFAULT_MODEL)
    files = list(find_media(images))
    done: list[Explained] = []
    drawn: list[list[Path]] = []
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    with quiet_libraries(), progress_bar("explaining", len(files)) as advance:
        for number, file in enumerate(files, start=1):
            one = explain(file, detector, others, faces)
            done.append(one)
            with writing(out):
                drawn.append(draw_explanations(one, number, references, out))
            typer.echo(_row(one))
            advance(number)
    if not done:
        raise DataError("there is no picture to explain", hint="name pictures or folders")
    with writing(out):
        write_page(done, drawn, detector, out)
    typer.echo(f"wrote {out / 'report.html'}")
    return 1 if any(one.report.status is Status.ERROR for one in done) else 0


def _row(one: Explained) -> str:
    report, path = one.report, printable(one.report.path)
    if report.p_fake is None:
        return f"{path}: {report.status}, {report.reason}"
    said = f"{report.verdict}, p_fake {p_text(report.p_fake)}"
    if not one.explanations:
        return f"{path}: {said}; its faces are not found again"
    first = one.explanations[0]
    gains = ", ".join(f"{name} {gain:+.2f}" for name, gain in first.gains.items())
    when = "" if first.face.time_s is None else f" of the face at {first.face.time_s:.1f} s"
    return f"{path}: {said}; gains{when}: {gains}"
