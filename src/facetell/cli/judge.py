"""Run `analyze` over many files; print a row for each and write what was asked for, as it goes."""

import signal
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread

from facetell.cli.drawn import (
    DRAWN_NAME,
    FILM_SUFFIXES,
    Film,
    FilmFolder,
    PictureFolder,
    boxed,
    heatmaps,
)
from facetell.cli.quiet import quiet_libraries
from facetell.cli.resume import is_interrupted, keep_reports, known_paths, read_reports, stamp_of
from facetell.cli.screen import Part, Screen, open_screen, printable
from facetell.cli.writers import CsvWriter, FramesWriter, JsonLines, ReportWriter, faces_of
from facetell.cli.writing import STANDARD_OUTPUT
from facetell.detect.analyze import Detector, Options, limits_of, model_info
from facetell.detect.find import find_media, real_name
from facetell.detect.heap import spare_memory
from facetell.detect.media import is_text_file, media_kind
from facetell.detect.report import OUTCOMES, Report, p_text
from facetell.detect.scan import scan
from facetell.errors import OutputError
from facetell.types import Kind, Status, Verdict

INTERRUPTED = 130
OTHER_FILMS = (".avi", ".mkv", ".webm", ".wmv", ".flv", ".mpg", ".mpeg", ".gif", ".ts", ".3gp")
"""Endings by which somebody means a film, and no folder, that is not written here."""
_STYLES = {"fake": "bold red", "real": "bright_blue", "uncertain": "yellow", "error": "magenta"}
_HEADER = f"{'verdict':<11}{'p_fake':>7}{'faces':>7}  file"


@dataclass(frozen=True)
class Outputs:
    """Where to write; None where nothing is wanted."""

    json: Path | None = None
    csv: Path | None = None
    html: Path | None = None
    heatmaps: Path | None = None
    boxes: Path | None = None
    frames: Path | None = None
    annotate: Path | None = None

    @property
    def texts(self) -> list[Path]:
        """The files with text."""
        return [path for path in (self.json, self.csv, self.html, self.frames) if path]

    @property
    def files(self) -> list[Path]:
        """The texts and the film."""
        return self.texts + ([self.film] if self.film else [])

    @property
    def folders(self) -> list[Path]:
        """The folders with drawn pictures or clips."""
        folders = [path for path in (self.heatmaps, self.boxes) if path]
        return folders + ([self.annotate] if self.annotate and not self.film else [])

    @property
    def film(self) -> Path | None:
        """The one annotated clip, where `annotate` names a file and no folder."""
        is_file = self.annotate is not None and self.annotate.suffix.lower() in FILM_SUFFIXES
        return self.annotate if is_file else None


def judge(
    paths: list[str],
    outputs: Outputs,
    options: Options,
    *,
    model: Path,
    threads: int,
    resume: bool,
) -> int:
    """Judge everything that `paths` names. Returns the exit code."""
    _refuse_unsafe(outputs)
    files = list(_without_outputs(find_media(paths), outputs))
    if outputs.film and len(files) > 1:
        raise OutputError(
            f"{outputs.film} is one file, for {len(files)} files to be judged", hint="name a folder"
        )
    spare_memory()
    detector = Detector.load(model, options, threads if len(files) == 1 else 1)
    known = known_paths(outputs.json, detector, files) if resume and outputs.json else set()
    todo = [file for file in files if str(file) not in known]
    screen = open_screen(aside=STANDARD_OUTPUT in outputs.texts)
    counts: Counter[str] = Counter()
    done = 0
    with ExitStack() as stack:
        writers = _open_writers(outputs, files, detector, stack)
        if known and outputs.json:
            keep_reports(outputs.json, known)
            for report in read_reports(outputs.json):
                counts[report.outcome] += 1
                _write(report, writers)
        if outputs.json:
            writers.append(stack.enter_context(JsonLines(outputs.json, go_on=bool(known))))
        screen.print((_HEADER, "bold"))
        try:
            with (
                quiet_libraries(),
                _stopping_gently(detector, screen),
                closing(_judged(todo, detector, threads, screen)) as reports,
            ):
                for report in reports:
                    _write(report, writers)
                    counts[report.outcome] += 1
                    done += not is_interrupted(report)
                    screen.print(*_row(report))
        except KeyboardInterrupt:
            detector.stop.set()
    if counts.keys() & set(Verdict):
        screen.print((detector.model.card.limits[0], "dim"))
    filmed = any(isinstance(writer, Film) and writer.is_written for writer in writers)
    _print_end(
        screen, counts, outputs, earlier=len(known), left=len(todo) - done, film_written=filmed
    )
    if detector.stop.is_set():
        return INTERRUPTED
    return 1 if counts["error"] else 0


def _refuse_unsafe(outputs: Outputs) -> None:
    """A slip of the keyboard must not cost a photograph, nor two outputs each other."""
    for folder in outputs.folders:
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder} is a file", hint="name a folder")
    if outputs.annotate and outputs.annotate.suffix.lower() in OTHER_FILMS:
        raise OutputError(
            f"no {outputs.annotate.suffix} can be written",
            hint=f"name a folder, or a file that ends in {', '.join(FILM_SUFFIXES)}",
        )
    times_named = Counter(map(_identity, outputs.files))
    for path in outputs.files:
        if path.is_file() and path.stat().st_size and not _is_replaceable(path, outputs):
            raise OutputError(
                f"{path} is a picture or video, or no text, and would be overwritten",
                hint="name another file",
            )
        if times_named[_identity(path)] > 1:
            raise OutputError(f"two outputs go to {path}", hint="give each its own name")


def _is_replaceable(path: Path, outputs: Outputs) -> bool:
    """A film of ours, or a text: whatever else is binary may be a raw photograph or a rare clip."""
    if path == outputs.film:
        from facetell.detect.annotate import is_ours

        return is_ours(path)
    return media_kind(path) is Kind.UNKNOWN and is_text_file(path)


def _without_outputs(files: Iterable[Path], outputs: Outputs) -> Iterator[Path]:
    """What an earlier run wrote into the folder it judged is not judged itself."""
    written = set(map(_identity, outputs.files))
    drawn_into = set(map(_identity, outputs.folders))
    for file in files:
        is_drawn = DRAWN_NAME.fullmatch(file.name) and _identity(file.parent) in drawn_into
        if not is_drawn and _identity(file) not in written:
            yield file


def _identity(path: Path) -> tuple[int, int] | str:
    """The same for all names of one file or folder, by whatever way they lead there; of what is not
    there yet, its path without links."""
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return real_name(path)
    # Some file systems number no files.
    return (facts.st_dev, facts.st_ino) if facts.st_ino else real_name(path)


def _open_writers(
    outputs: Outputs, files: Iterable[Path], detector: Detector, stack: ExitStack
) -> list[ReportWriter]:
    """Those that are written anew in every run, whatever an earlier one left."""
    writers: list[ReportWriter] = []
    if outputs.csv:
        writers.append(stack.enter_context(CsvWriter(outputs.csv)))
    if outputs.frames:
        writers.append(stack.enter_context(FramesWriter(outputs.frames)))
    if outputs.heatmaps:
        writers.append(PictureFolder(outputs.heatmaps, heatmaps))
    if outputs.boxes:
        writers.append(PictureFolder(outputs.boxes, boxed))
    if outputs.film:
        writers += [Film(outputs.film, of=file) for file in files]
    elif outputs.annotate:
        writers.append(FilmFolder(outputs.annotate))
    if outputs.html:
        from facetell.cli.page import HtmlPage

        writers.append(
            stack.enter_context(HtmlPage(outputs.html, model_info(detector), limits_of(detector)))
        )
    return writers


def _write(report: Report, writers: Iterable[ReportWriter]) -> None:
    for writer in writers:
        writer.write(report)


@contextmanager
def _stopping_gently(detector: Detector, screen: Screen) -> Iterator[None]:
    """At the first Ctrl-C what is under way ends, clips where they are; the second ends all."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        detector.stop.set()
        # By another thread: this one may be printing just now.
        Thread(target=screen.print, args=[("stopping; Ctrl-C again to stop now", "")]).start()

    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # a job in the background may ignore it
        signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _judged(
    files: list[Path], detector: Detector, threads: int, screen: Screen
) -> Generator[Report]:
    """Judge in order, with a progress bar where a person watches, until the detector is stopped."""
    with screen.bars(len(files)) as bars:

        def work(file: Path) -> Report | None:
            if detector.stop.is_set():
                return None
            stamp = stamp_of(file)  # before it is read, for it may change meanwhile
            report = detector.analyze(file, partial(bars.watched, file))
            return report.model_copy(update={"stamp": stamp})

        for done, report in enumerate(scan(files, work, threads), start=1):
            if report is None:
                return
            yield report
            bars.done(done)


def _row(report: Report) -> list[Part]:
    outcome = report.outcome
    p_fake = "-" if report.p_fake is None else p_text(report.p_fake)
    faces = str(faces_of(report)) if report.status is Status.OK else "-"
    notes = [report.reason] if report.reason else []
    notes += [warning for warning in report.warnings if warning not in (report.reason or "")]
    return [
        (f"{outcome:<11}", _STYLES.get(outcome, "")),
        (f"{p_fake:>7}{faces:>7}  {printable(report.path)}", ""),
        (f"  {'; '.join(notes)}" if notes else "", "dim"),
    ]


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"


def _print_end(
    screen: Screen,
    counts: Counter[str],
    outputs: Outputs,
    *,
    earlier: int,
    left: int,
    film_written: bool,
) -> None:
    parts = [f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome]]
    before = f", {earlier} of them from the earlier run" if earlier else ""
    screen.print((f"{_files(counts.total())}: {', '.join(parts) or 'none judged'}{before}", "bold"))
    if left:
        again = (
            "--json FILE lets a run go on later"
            if outputs.json in (None, STANDARD_OUTPUT)
            else "call it again with --resume"
        )
        are = "is" if left == 1 else "are"
        screen.print((f"interrupted: {_files(left)} {are} left; {again}", ""))
    film = outputs.film if film_written else None
    if outputs.film and not film:
        screen.print((f"no {outputs.film} was written", ""))
    for path in [*outputs.texts, film, *outputs.folders]:
        if path and path != STANDARD_OUTPUT:
            screen.print((f"wrote {path}", ""))
