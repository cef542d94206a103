"""Run `analyze` over many files; print a row for each and write what was asked for, as it goes."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from facetell.cli.progress import progress_bar
from facetell.cli.writers import (
    CsvWriter,
    HeatmapWriter,
    JsonLines,
    ReportWriter,
    drop_broken_end,
    read_reports,
)
from facetell.detect.analyze import Detector, Options, model_info
from facetell.detect.media import find_media
from facetell.detect.report import Report
from facetell.detect.scan import scan
from facetell.errors import DataError
from facetell.types import Status

INTERRUPTED = 130
_STYLES = {"fake": "bold red", "real": "green", "uncertain": "yellow", "error": "magenta"}
_HEADER = f"{'verdict':<11}{'p_fake':>6}{'faces':>7}  file"


@dataclass(frozen=True)
class Outputs:
    """Where to write; None where nothing is wanted."""

    json: Path | None = None
    csv: Path | None = None
    html: Path | None = None
    heatmaps: Path | None = None


def judge(
    paths: list[str],
    outputs: Outputs,
    *,
    model: Path,
    threads: int,
    finder: str,
    resume: bool,
) -> int:
    """Judge everything that `paths` names. Returns the exit code."""
    files = list(find_media(paths))
    detector = Detector.load(model, Options(finder=finder), threads if len(files) == 1 else 1)
    console = Console(highlight=False, soft_wrap=True)
    counts: Counter[str] = Counter()
    known: set[str] = set()
    interrupted = False
    with ExitStack() as stack:
        writers = _open_writers(outputs, detector, stack)
        if resume and outputs.json:
            drop_broken_end(outputs.json)
            for report in _earlier(outputs.json, detector):
                known.add(report.path)
                counts[_outcome(report)] += 1
                _write(report, writers)
        if outputs.json:
            writers.append(stack.enter_context(JsonLines(outputs.json, go_on=resume)))
        todo = [file for file in files if str(file) not in known]
        console.print(_HEADER, style="bold")
        try:
            for report in _judged(todo, detector, threads, console):
                _write(report, writers)
                counts[_outcome(report)] += 1
                console.print(_row(report))
        except KeyboardInterrupt:
            interrupted = True
    _print_end(console, counts, outputs, earlier=len(known), left=len(files) - counts.total())
    if interrupted:
        return INTERRUPTED
    return 1 if counts["error"] else 0


def _open_writers(outputs: Outputs, detector: Detector, stack: ExitStack) -> list[ReportWriter]:
    writers: list[ReportWriter] = []
    if outputs.csv:
        writers.append(stack.enter_context(CsvWriter(outputs.csv)))
    if outputs.heatmaps:
        writers.append(HeatmapWriter(outputs.heatmaps))
    if outputs.html:
        from facetell.cli.page import HtmlPage

        writers.append(stack.enter_context(HtmlPage(outputs.html, model_info(detector.model))))
    return writers


def _write(report: Report, writers: Iterable[ReportWriter]) -> None:
    for writer in writers:
        writer.write(report)


def _earlier(path: Path, detector: Detector) -> Iterator[Report]:
    for report in read_reports(path):
        if report.model.sha256 != detector.model.sha256:
            raise DataError(
                f"{path} was written with the model {report.model.name} {report.model.version}",
                hint="name another --json file, or the same --model",
            )
        yield report


def _judged(
    files: list[Path], detector: Detector, threads: int, console: Console
) -> Iterator[Report]:
    """Judge in order, with a progress bar where a person watches."""
    with progress_bar("judging", len(files), console) as advance:
        for done, report in enumerate(scan(files, detector.analyze, threads), start=1):
            yield report
            advance(done)


def _outcome(report: Report) -> str:
    """The word of the first column: the verdict, or the status where there is none."""
    return str(report.verdict or report.status)


def _row(report: Report) -> Text:
    outcome = _outcome(report)
    row = Text(f"{outcome:<11}", style=_STYLES.get(outcome, ""))
    p_fake = "-" if report.p_fake is None else f"{report.p_fake:.3f}"
    faces = str(len(report.faces)) if report.status is Status.OK else "-"
    row.append(f"{p_fake:>6}{faces:>7}  {_printable(report.path)}", style="default")
    notes = [report.reason] if report.reason else report.warnings
    if notes:
        row.append(f"  ({'; '.join(notes)})", style="dim")
    return row


def _printable(path: str) -> str:
    """File names may hold line breaks and control codes; a row must stay one row."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in path)


def _print_end(
    console: Console, counts: Counter[str], outputs: Outputs, *, earlier: int, left: int
) -> None:
    parts = [f"{number} {outcome}" for outcome, number in counts.most_common()]
    before = f", {earlier} of them from the earlier run" if earlier else ""
    console.print(
        f"{counts.total()} files: {', '.join(parts) or 'none judged'}{before}", style="bold"
    )
    if left:
        again = (
            "call it again with --resume" if outputs.json else "--json FILE lets a run go on later"
        )
        console.print(f"interrupted: {left} files are left; {again}")
    for path in (outputs.json, outputs.csv, outputs.html, outputs.heatmaps):
        if path:
            console.print(f"wrote {path}")
