"""What judging costs as the work grows: files of a folder, faces of a picture; drawn.

python -m benchmarks.growth [--most 100000] [--rounds 5] [--out docs/growth.svg]

Files are links to a few pictures and their verdict is made up, so that only our own loop is
measured: finding and comparing names, rows, JSON, CSV and HTML, and taking up an interrupted run.
Seconds are those of the processor, for other programs do not count in them.
"""

import argparse
import contextlib
import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from benchmarks.common import EXAMPLES, in_turn, processor_seconds
from facetell.cli.judge import Outputs, judge
from facetell.detect.analyze import Detector, OnProgress, Options, analyze_picture, ignore
from facetell.detect.media import read_picture
from facetell.detect.report import Report
from facetell.detect.session import DEFAULT_MODEL
from facetell.types import Picture, Status

PER_FOLDER = 1000
SOURCES = 4
FACES = (1, 2, 5, 10, 20, 35, 50)
FACE_PX, SCENE_WH = 180, (2000, 1500)


@dataclass(frozen=True)
class Growth:
    """What some work costs by how much of it there is.

    name: of the work; unit: what `amounts` counts. taken_s: seconds for each amount.
    """

    name: str
    unit: str
    amounts: Sequence[float]
    taken_s: Sequence[float]

    @property
    def line(self) -> tuple[float, float]:
        """Seconds at the start and for each unit: the straight line that lies closest, each point
        counted by its distance in per cent."""
        amounts, taken = np.asarray(self.amounts, float), np.asarray(self.taken_s, float)
        shares = np.stack([1 / taken, amounts / taken], axis=1)
        start, each = np.linalg.lstsq(shares, np.ones(len(taken)), rcond=None)[0]
        return float(start), float(each)

    @property
    def dearer(self) -> float:
        """How much more the last unit costs than one in the middle: the slope between the two
        largest amounts over that of the whole line; 1 = linear."""
        (x0, x1), (y0, y1) = self.amounts[-2:], self.taken_s[-2:]
        return (y1 - y0) / (x1 - x0) / self.line[1]


def draw_growth(curves: Sequence[Growth], path: Path) -> None:
    """Side by side, with the straight lines that fit; path: an SVG or PNG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "facetell"
    figure = Figure(figsize=(4.2 * len(curves), 3.2), layout="constrained")
    for axes, curve in zip(np.atleast_1d(figure.subplots(1, len(curves))), curves, strict=True):
        start, each = curve.line
        ends = np.array([0, max(curve.amounts)])
        axes.plot(ends, start + each * ends, color="#9aa3ad", label=f"{1000 * each:,.1f} ms each")
        axes.plot(curve.amounts, curve.taken_s, "o", color="#2166ac", label="measured")
        axes.set_title(curve.name, fontsize=10)
        axes.set(xlabel=curve.unit, ylabel="processor seconds", ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def print_growth(curves: Sequence[Growth]) -> None:
    print("| work | from | to | ms each by the line | last ones over the line |")
    print("| --- | --- | --- | --- | --- |")
    for curve in curves:
        first, last = curve.amounts[0], curve.amounts[-1]
        print(f"| {curve.name} | {first:g} {curve.unit} | {last:g} | {1000 * curve.line[1]:.3g} "
              f"| {curve.dearer:.2f} |", flush=True)  # fmt: skip


def link_files(folder: Path, count: int) -> None:
    """`count` files in folders of PER_FOLDER: hard links to a few pictures."""
    sources = sorted(EXAMPLES.glob("*.jpg"))[:SOURCES]
    for number in range(-(-count // PER_FOLDER)):
        part = folder / f"{number:04d}"
        part.mkdir(parents=True)
        # A file can have only so many names.
        originals = [part / f"original{n}.jpg" for n in range(SOURCES)]
        for original, source in zip(originals, sources, strict=True):
            original.write_bytes(source.read_bytes())
        for n in range(SOURCES, min(PER_FOLDER, count - number * PER_FOLDER)):
            (part / f"{n:05d}.jpg").hardlink_to(originals[n % SOURCES])


def measure_files(amounts: Sequence[int]) -> list[Growth]:
    """The command with a stub in the place of the detector, then the same with --resume."""
    detector = Detector.load()
    judged = detector.analyze(EXAMPLES / "real-astronaut.jpg")
    # A page shows pictures, which it reads again; those of a file without size it leaves out.
    bare: dict[str, object] = {"size_wh": None, "faces": [], "verdict": None, "p_fake": None}
    faceless = judged.model_copy(update={**bare, "status": Status.NO_FACE, "reason": "no face"})
    said = {False: judged, True: faceless}
    works = ("rows, JSON and CSV", "taken up again", "HTML")
    taken: dict[str, list[float]] = {what: [] for what in works}
    for amount in amounts:
        with tempfile.TemporaryDirectory() as name:
            link_files(Path(name, "files"), amount)
            plain = Outputs(json=Path(name, "out.jsonl"), csv=Path(name, "out.csv"))
            page = Outputs(html=Path(name, "out.html"))
            for what, outputs in zip(works, (plain, plain, page), strict=True):

                def stub(
                    _: Detector,
                    source: str | Path,
                    on_progress: OnProgress = ignore,
                    report: Report = said[outputs is page],
                ) -> Report:
                    return report.model_copy(update={"path": str(source)})

                def command(outputs: Outputs = outputs, what: str = what) -> None:
                    judge([str(Path(name, "files"))], outputs, Options(), model=DEFAULT_MODEL,
                          threads=2, resume=what == works[1])  # fmt: skip

                with (
                    patch.object(Detector, "load", return_value=detector),
                    patch.object(Detector, "analyze", stub),
                    contextlib.redirect_stdout(io.StringIO()),
                ):
                    taken[what].append(processor_seconds(command))
    return [Growth(what, "files", amounts, seconds) for what, seconds in taken.items()]


def draw_crowd(count: int) -> Picture:
    """A grey picture with so many portraits in rows."""
    scene = Image.new("RGB", SCENE_WH, "grey")
    portrait = Image.fromarray(read_picture(EXAMPLES / "real-astronaut.jpg").image)
    face = portrait.crop((96, 0, 352, 256)).resize((FACE_PX, FACE_PX))
    columns = SCENE_WH[0] // FACE_PX
    for number in range(count):
        scene.paste(face, (number % columns * FACE_PX, number // columns * FACE_PX))
    return Picture(np.asarray(scene), SCENE_WH, "PNG")


def measure_faces(rounds: int) -> Growth:
    """A decoded picture, by the number of faces found in it; on one thread."""
    detector = Detector.load()
    crowds = [draw_crowd(count) for count in FACES]

    def judged(crowd: Picture) -> Report:
        return analyze_picture(crowd, Path("crowd"), detector)

    found = [len(judged(crowd).faces) for crowd in crowds]
    works = {str(number): partial(judged, crowd) for number, crowd in enumerate(crowds)}
    taken = in_turn(rounds, processor_seconds, **works)
    return Growth("one picture", "faces", found, list(taken.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=100_000, help="files; 1000 are the fewest")
    parser.add_argument("--rounds", type=int, default=5, help="for pictures with many faces")
    parser.add_argument("--out", type=Path, help="where to draw the curves: an SVG or PNG")
    args = parser.parse_args()
    amounts = [round(n) for n in np.geomspace(1000, args.most, 5)]
    curves = [*measure_files(amounts), measure_faces(args.rounds)]
    print_growth(curves)
    if args.out:
        draw_growth(curves, args.out)


if __name__ == "__main__":
    main()
