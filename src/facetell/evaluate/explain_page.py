"""Explanations written down: a picture per face, explain.json and one page."""

from collections.abc import Sequence
from pathlib import Path

from facetell.detect.analyze import Detector, limits_of, model_info
from facetell.detect.find import drawn_stem
from facetell.evaluate.explain import (
    FEW,
    Explained,
    Explanation,
    as_json,
    explained_pictures,
    mean_gains,
)
from facetell.evaluate.explain_plots import plot_explanation
from facetell.evaluate.page import embedded, write_json, write_report, write_table
from facetell.evaluate.spectrum import References


def draw_explanations(
    explained: Explained, number: int, references: References, folder: Path
) -> list[Path]:
    """A PNG for each face explained. number: of the file among all."""
    stem = drawn_stem(number, explained.report.path)
    paths = []
    for k, one in enumerate(explained.explanations, start=1):
        paths.append(folder / f"{stem}-face{k}.png")
        plot_explanation(one, references.sizes.get(one.spectrum.size), paths[-1])
    return paths


def write_page(
    explained: Sequence[Explained],
    pictures: Sequence[Sequence[Path]],
    detector: Detector,
    folder: Path,
) -> None:
    """Write explain.json and report.html. pictures: of each file, those of its faces."""
    write_json({"files": [as_json(one) for one in explained]}, folder / "explain.json")
    entries: list[tuple[Explained, list[tuple[Explanation, str]]]] = [
        (one, [(e, embedded(path)) for e, path in zip(one.explanations, paths, strict=True)])
        for one, paths in zip(explained, pictures, strict=True)
    ]
    many = explained_pictures(explained)
    gains = {
        name: str(gain) if gain is None or many >= FEW else f"{gain.value:.3f}"
        for name, gain in mean_gains(explained).items()
    }
    of = "95 %" if many >= FEW else f"pictures: {many}, too few for an interval"
    write_report(
        "explain.html",
        folder,
        entries=entries,
        gains=gains,
        of=of,
        model=model_info(detector),
        limits=limits_of(detector),
    )
    write_table(["map", f"gain: insertion less deletion ({of})"], list(gains.items()), folder)
