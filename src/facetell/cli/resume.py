"""Go on with an interrupted run: which of its reports stand."""

import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from facetell.cli.writers import JsonLines
from facetell.cli.writing import writing
from facetell.detect.analyze import Detector, model_info
from facetell.detect.frames import INTERRUPTED, NO_FRAME_AFTER, NO_FRAME_THERE, OUT_OF_TIME
from facetell.detect.report import FileStamp, Report
from facetell.errors import OutputError
from facetell.types import Status


def known_paths(path: Path, detector: Detector, files: Iterable[Path]) -> set[str]:
    """The paths of an earlier run's reports that stand, all by this detector. Of `files` not those
    that have changed since, nor failures that other options might have spared."""
    now = model_info(detector)
    named = {str(file) for file in files}
    known = set()
    for report in read_reports(path):
        if report.model != now:
            before = f"{report.model.name} {report.model.version}, finder {report.model.finder}"
            raise OutputError(
                f"{path} was written with another model or finder ({before})",
                hint="name another --json file, or the same --model and --whole as then",
            )
        if report.clip and report.clip.sampling != detector.options.sampling:
            raise OutputError(
                f"{path} was written with other frames of its clips",
                hint="name another --json file, or the same --fps, --start and so on as then",
            )
        if report.path not in named or not (_hangs_on_options(report) or _is_changed(report, path)):
            known.add(report.path)
    return known


def _is_changed(report: Report, path: Path) -> bool:
    """Whether the file of a report in `path` is there, and another one than was judged."""
    now = stamp_of(Path(report.path))
    if now is None:
        return False
    if report.stamp is None:  # it was not there, or an earlier release judged it
        return report.status is Status.ERROR or _is_newer(Path(report.path), path)
    return report.stamp != now


def stamp_of(file: Path) -> FileStamp | None:
    """None where it is not there."""
    try:
        facts = file.stat()
    except (OSError, ValueError):
        return None
    return FileStamp(size=facts.st_size, mtime_ns=facts.st_mtime_ns)


def _is_newer(file: Path, other: Path) -> bool:
    """Both are there, and `file` was modified later, or put in its place: what is moved or copied
    often keeps the time of its last modification."""
    try:
        facts = file.stat()
        return max(facts.st_mtime, facts.st_ctime) > other.stat().st_mtime
    except (OSError, ValueError):
        return False


def _hangs_on_options(report: Report) -> bool:
    """Whether a clip failed, or was cut short, where more time or another part of it might help."""
    if report.clip:
        return is_interrupted(report) or _is_cut_short(report, OUT_OF_TIME)
    causes = (NO_FRAME_AFTER, NO_FRAME_THERE, OUT_OF_TIME)
    return report.status is Status.ERROR and any(why in (report.reason or "") for why in causes)


def is_interrupted(report: Report) -> bool:
    """Whether Ctrl-C ended it, a clip, before its end."""
    return _is_cut_short(report, INTERRUPTED)


def _is_cut_short(report: Report, cause: str) -> bool:
    is_incomplete = report.clip is not None and not report.clip.complete
    return is_incomplete and any(cause in said for said in report.warnings)


def read_reports(path: Path) -> Iterator[Report]:
    """What an interrupted run wrote, one by one; a last line that was cut off is left out.

    Raises OutputError when the file holds anything but reports.
    """
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for number, line in enumerate(file):
            try:
                yield Report.model_validate(json.loads(line))
            except (ValidationError, ValueError) as error:
                if number and not line.endswith("\n"):
                    return
                raise OutputError(
                    f"{path} holds something else than reports of this version",
                    hint="name another --json file, or leave --resume out to write it anew",
                ) from error


def keep_reports(path: Path, known: Collection[str]) -> None:
    """Leave only the reports of these paths, all whole, so that a run can go on behind them."""
    beside = path.with_name(f"{path.name}.part")
    with JsonLines(beside) as file:
        for report in read_reports(path):
            if report.path in known:
                file.write(report)
    with writing(path):
        beside.replace(path)
