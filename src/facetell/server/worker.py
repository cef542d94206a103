"""A worker: a process that judges one file after the other, and may die of any of them.

`python -m facetell.server.worker` reads one order a line from standard input and writes its answers
to standard output, both as JSON: what comes out of a process that has opened a hostile file is
validated like any other foreign input. When its server dies, so does it.
"""

import base64
import io
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import BinaryIO

from PIL import Image
from pydantic import BaseModel, Field

from facetell.detect.analyze import Detector, OnProgress, Options, limits_of, model_info
from facetell.detect.card import ModelCard
from facetell.detect.draw import draw_boxes, draw_crop, draw_heatmap
from facetell.detect.page import FACES_SHOWN, page_end, page_entry, page_head
from facetell.detect.reading import look_again, open_media
from facetell.detect.report import ModelInfo, Report
from facetell.detect.session import DEFAULT_MODEL
from facetell.errors import FacetellError, MediaError
from facetell.server.schemas import Extra, FacePictures, Judged, Pictures
from facetell.types import Kind, Picture, Sampling, Status

PROGRESS_EVERY_S = 0.25


class Start(BaseModel):
    """The first line that a worker is given."""

    model: Path | None
    memory_mb: int
    max_pixels: int
    max_video_s: float
    clip_seconds: float


class Order(BaseModel):
    """A file to judge. name: what the report calls it."""

    path: Path
    name: str
    kind: Kind
    include: frozenset[Extra]


class Hello(BaseModel):
    """The first line that a worker says, once its model is loaded."""

    info: ModelInfo
    card: ModelCard
    limits: tuple[str, ...]


class Said(BaseModel):
    """Any line that a worker says; orders are answered in the order in which they came.

    refused: why it cannot work at all, and the remedy. crashed: the traceback of what it died of.
    """

    hello: Hello | None = None
    refused: tuple[str, str] | None = None
    crashed: str | None = None
    progress: float | None = Field(default=None, ge=0, le=1)
    judged: Judged | None = None


def main() -> None:
    say = _mouth()
    lines = _lines(sys.stdin.buffer)
    start = Start.model_validate_json(lines.get())
    _limit_memory(start.memory_mb)
    try:
        options = Options(
            sampling=Sampling(max_s=start.max_video_s),
            timeout_s=start.clip_seconds,
            max_pixels=start.max_pixels,
        )
        detector = Detector.load(start.model or DEFAULT_MODEL, options)
    except FacetellError as error:
        return say(Said(refused=(error.args[0], error.hint)))
    card = detector.model.card
    info, limits = model_info(detector), limits_of(detector)
    say(Said(hello=Hello(info=info, card=card, limits=limits)))
    try:
        while True:
            order = Order.model_validate_json(lines.get())
            say(Said(judged=judge(order, detector, _progress(say))))
    except Exception:
        # Whatever state this process is in now: the server replaces it.
        say(Said(crashed=traceback.format_exc()))
        os._exit(1)


def judge(order: Order, detector: Detector, on_progress: OnProgress) -> Judged:
    """The report on a file, with the extras ordered."""
    max_s = detector.options.sampling.max_s
    if order.kind is Kind.VIDEO and _duration_s(order.path) > (max_s or inf):
        return Judged(
            path=order.name,
            kind=order.kind,
            status=Status.ERROR,
            reason=f"the clip is longer than {max_s:g} s (cut it; more is not judged here)",
            model=model_info(detector),
            limits=limits_of(detector),
        )
    report = detector.analyze(order.path, on_progress)
    extras: dict[str, object] = {}
    if Extra.EVIDENCE in order.include and report.status is not Status.ERROR:
        extras["pictures"] = draw_pictures(report)
    if Extra.PAGE in order.include:
        extras["page"] = _page(report, order)
    return Judged(**dict(report) | extras | {"path": order.name})


def draw_pictures(report: Report) -> Pictures:
    """As far as the file can be read a second time."""
    boxed: str | None = None
    wanted = {id(face) for face in report.shown[:FACES_SHOWN]}
    drawn: dict[int, FacePictures] = {}  # by the identity of a face
    with suppress(MediaError):
        for picture, faces in look_again(report):  # of a clip in order of time
            if report.clip is None:
                boxed = _png(draw_boxes(picture, faces))
            for face in faces:
                if id(face) in wanted:
                    drawn[id(face)] = FacePictures(
                        crop_png=_png(draw_crop(picture, face)),
                        evidence_png=_png(draw_heatmap(picture, face)),
                    )
    return Pictures(boxed_png=boxed, faces=[drawn.get(id(face)) for face in report.shown])


def _duration_s(path: Path) -> float:
    """Of a clip, as the file states it; 0 where it states none."""
    try:
        with open_media(path) as clip:
            return 0.0 if isinstance(clip, Picture) else clip.facts.duration_s or 0.0
    except MediaError:
        return 0.0  # its report will say why


def _progress(say: "Callable[[Said], None]") -> OnProgress:
    """Tells the share of a clip that was watched, now and then."""
    told_s = 0.0

    def tell(watched_s: float, duration_s: float | None) -> None:
        nonlocal told_s
        if duration_s and time.monotonic() - told_s > PROGRESS_EVERY_S:
            told_s = time.monotonic()
            say(Said(progress=min(1.0, watched_s / duration_s)))

    return tell


def _page(report: Report, order: Order) -> str:
    head = page_head(report.model, report.limits, {report.outcome: 1})
    return head + page_entry(report, name=order.name) + page_end()


def _png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _mouth() -> Callable[[Said], None]:
    """What writes to our standard output; whatever else does, in C or Python, writes to nowhere."""
    ours = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)

    def say(said: Said) -> None:
        ours.write(said.model_dump_json().encode() + b"\n")

    return say


def _lines(stream: BinaryIO) -> "queue.SimpleQueue[bytes]":
    """The lines of a stream, as they come; at its end, when the server is gone, so are we."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _limit_memory(megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    size = megabytes * 1_000_000
    with suppress(ValueError, OSError):  # a lower limit holds already
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
