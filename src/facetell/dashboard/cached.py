"""What the views ask of the library, kept by the content of what it was made from: nothing is
computed twice, in whatever session it is asked for again."""

import hashlib
import os
import tempfile
import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st
from PIL import Image

from facetell.data.layouts import DataSet, find_datasets, read_dataset
from facetell.data.manifest import Sample
from facetell.detect.analyze import Detector, judge_moment
from facetell.detect.draw import draw_heatmap
from facetell.detect.media import read_picture
from facetell.detect.page import whole_page
from facetell.detect.reading import look_again
from facetell.detect.report import FaceReport, Report
from facetell.detect.scan import scan
from facetell.errors import OutputError
from facetell.evaluate.compare import Comparison, compare
from facetell.evaluate.explain import Explainer
from facetell.evaluate.found import (
    MODEL_PATTERN,
    SCORE_PATTERNS,
    FoundModel,
    FoundScores,
    find_models,
    find_scores,
)
from facetell.evaluate.runs import Run, find_runs
from facetell.evaluate.score import Score, judge_degraded, score_samples
from facetell.evaluate.stress import Dose
from facetell.evaluate.subjects import crops_per_second
from facetell.types import Picture

if TYPE_CHECKING:
    from facetell.evaluate.audit import Audit
    from facetell.evaluate.audit_page import ContactSheet

KEPT = 64
"""Results of a kind that are kept; the oldest go first."""
KEPT_LARGE = 8
"""The same for what takes tens of megabytes each."""
LOOK_AGAIN_S = 5
"""Folders are looked through again after so many seconds, not at every click."""
TELLING_PX = 240
NAME_BYTES = 160
"""What an upload keeps of its name at most: file systems take 255 in all, some fewer."""
THREADS = os.cpu_count() or 1
GRAD_CAM_INSTALLED = find_spec("pytorch_grad_cam") is not None
T = TypeVar("T")
Stamp = tuple[str, int, int]
"""Path, size and time of change: a file with the same ones was not touched."""
Tick = Callable[[float], object]
"""Takes the share that is done, 0 to 1."""


def unseen(share: float) -> None:
    """Nobody watches the progress."""


def kept(kind: str, key: Hashable, make: Callable[[], T], most: int = KEPT) -> T:
    """What was made of this kind for this key before, or is made now; never None.

    Streamlit's own caches would replay the progress that is told while something is made.
    """
    store = _store()
    found: T | None = store.get((kind, key))
    if found is None:
        found = make()
        same_kind = [other for other in list(store) if other[0] == kind]
        for oldest in same_kind[: max(0, len(same_kind) - most + 1)]:
            store.pop(oldest, None)
        store[kind, key] = found
    return found


@st.cache_resource
def _store() -> dict[tuple[str, Hashable], Any]:
    return {}


def uploaded(name: str, data: bytes) -> tuple[Path, str]:
    """An uploaded file, on disk until the dashboard ends, and the SHA-256 of its content.

    Its name is cut to NAME_BYTES from the front. Raises OutputError where it cannot be kept.
    """
    digest = hashlib.sha256(data).hexdigest()
    short = Path(name).name.encode()[-NAME_BYTES:].decode(errors="ignore")
    folder = Path(_uploads().name)
    path = folder / digest / short
    part = path.with_name(f".{uuid.uuid4().hex}")  # sessions may be given the same file at once
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, exist_ok=True)  # cleaners of temporary folders take it
            path.parent.mkdir(exist_ok=True)
            part.write_bytes(data)
            part.replace(path)  # whole, or not there
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise OutputError(
            f"{name} cannot be kept: {error.strerror}", hint="make room for temporary files"
        ) from error
    return path, digest


@st.cache_resource
def _uploads() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="facetell-")


def stamp(path: Path) -> Stamp:
    """A missing file has a stamp, too."""
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return str(path), 0, 0
    return str(path.resolve()), facts.st_size, facts.st_mtime_ns


@st.cache_data(ttl=LOOK_AGAIN_S, show_spinner=False)
def _stamps(folders: tuple[Path, ...], *patterns: str) -> tuple[Stamp, ...]:
    """Of the files in the folders with such names."""
    return tuple(
        stamp(path)
        for folder in folders
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
    )


# What lies in the folders


def models(folders: Sequence[Path]) -> list[FoundModel]:
    key = _stamps(tuple(folders), MODEL_PATTERN)
    with st.spinner("Opening the models…", show_time=True):
        return kept("models", key, lambda: find_models(folders))


def scores(folders: Sequence[Path]) -> list[FoundScores]:
    key = _stamps(tuple(folders), *SCORE_PATTERNS)
    return kept("scores", key, lambda: find_scores(folders))


@st.cache_data(ttl=LOOK_AGAIN_S, show_spinner=False)
def _runs(folders: tuple[Path, ...]) -> list[Run]:
    there = [folder for folder in folders if folder.is_dir()]  # it may have gone since the start
    found = {run.folder.resolve(): run for folder in there for run in find_runs(folder)}
    return list(found.values())


def runs(folders: Sequence[Path]) -> list[Run]:
    """Those in training grow."""
    return _runs(tuple(folders))


@st.cache_data(ttl=LOOK_AGAIN_S, show_spinner=False)
def _datasets(folders: tuple[Path, ...]) -> list[Path]:
    found = [path for folder in folders for path in find_datasets(folder)]
    found += find_datasets(Path(), depth=0)
    return list({path.resolve(): path for path in reversed(found)}.values())[::-1]


def datasets(folders: Sequence[Path]) -> list[Path]:
    """Manifests and label folders, for choosing one: in the folders, and where the dashboard was
    started."""
    return _datasets(tuple(folders))


def compared(tables: Mapping[str, tuple[Score, ...]]) -> Comparison:
    """Raises DataError where the tables have no sample in common."""
    with st.spinner("Drawing groups for the intervals…", show_time=True):
        return kept("compared", tuple(tables.items()), lambda: compare(tables))


def detector(model: FoundModel) -> Detector:
    def load() -> Detector:
        return Detector.load(model.path, threads=THREADS)

    return kept("detector", model.sha256, load, KEPT_LARGE)


def speed(model: FoundModel) -> float:
    """Crops a second on one thread."""
    return kept("speed", model.sha256, lambda: crops_per_second(detector(model).model))


# Single files


def report(path: Path, digest: str, model: FoundModel, tick: Tick = unseen) -> Report:
    """What a model says of an uploaded file. tick: for clips."""

    def on_progress(watched_s: float, duration_s: float | None) -> None:
        tick(min(1.0, watched_s / duration_s) if duration_s else 0.0)

    key = digest, path.name, model.sha256
    return kept("report", key, lambda: detector(model).analyze(path, on_progress))


def page(digest: str, found: Report, name: str) -> str:
    """The report of an uploaded file as one HTML page."""
    key = digest, name, found.model.sha256
    return kept("page", key, lambda: whole_page(found, name))


def picture(path: Path, digest: str) -> Picture:
    """Raises MediaError where the file holds none."""
    return kept("picture", digest, lambda: read_picture(path), KEPT_LARGE)


def moment(
    path: Path, digest: str, time_s: float, model: FoundModel
) -> tuple[Picture, list[FaceReport]]:
    """The frame of a clip at a time, and its faces with their evidence."""
    key = digest, time_s, model.sha256
    return kept("moment", key, lambda: judge_moment(path, time_s, detector(model)), KEPT_LARGE)


def telling(digest: str, found: Report) -> list[tuple[FaceReport, Image.Image]]:
    """The most telling faces of a clip with their evidence, in order of time."""

    def make() -> list[tuple[FaceReport, Image.Image]]:
        return [
            (face, draw_heatmap(frame, face, TELLING_PX))
            for frame, faces in look_again(found)
            for face in faces
        ]

    return kept("telling", (digest, found.model.sha256), make, KEPT_LARGE)


def degraded(path: Path, digest: str, dose: Dose, model: FoundModel) -> Report:
    """What a model says of a picture after it was treated."""

    def make() -> Report:
        return judge_degraded(picture(path, digest), path, detector(model), dose.treat)

    return kept("degraded", (digest, dose, model.sha256), make)


def explainers(model: FoundModel) -> Mapping[str, Explainer]:
    """Grad-CAM++ and saliency by the checkpoint of the run that a model lies in; needs torch.

    Raises DataError where it lies in none.
    """
    from facetell.train.explain import explainers as of_run

    return kept("explainers", model.sha256, lambda: of_run(model.path.parent), KEPT_LARGE)


# Data


def dataset(path: Path) -> DataSet:
    """Raises DataError where it is none."""
    key = stamp(path), _stamps((path,), "**/*")
    return kept("dataset", key, lambda: read_dataset(path), KEPT_LARGE)


def measured(
    model: FoundModel, samples: Sequence[Sample], tier: str, tick: Tick
) -> tuple[Score, ...]:
    """Scores of the samples, as `facetell evaluate` gives them."""

    def make() -> tuple[Score, ...]:
        rows = score_samples(samples, detector(model), tier, THREADS)
        return tuple(_ticking(rows, len(samples), tick))

    return kept("measured", (model.sha256, tier, _content(samples)), make)


def audit(samples: Sequence[Sample], tick: Tick) -> "Audit":
    from facetell.evaluate.audit import audit as find_faults
    from facetell.evaluate.audit import look_at

    def make() -> "Audit":
        looks = scan(samples, lambda sample: look_at(sample.path), THREADS)
        return find_faults(samples, list(_ticking(looks, len(samples), tick)))

    return kept("audit", _content(samples), make)


def sheets(samples: Sequence[Sample]) -> "list[ContactSheet]":
    from facetell.evaluate.audit_page import contact_sheets

    return kept("sheets", _content(samples), lambda: contact_sheets(samples), KEPT_LARGE)


def _content(samples: Sequence[Sample]) -> Hashable:
    return tuple((sample, stamp(sample.path)) for sample in samples)


def _ticking(rows: Iterable[T], count: int, tick: Tick) -> Iterator[T]:
    """The rows; the progress is told a hundred times at most."""
    for done, row in enumerate(rows, start=1):
        if 100 * done // count > 100 * (done - 1) // count:
            tick(done / count)
        yield row
