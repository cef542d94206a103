"""A report as one self-contained page: no script, no outside resource."""

import base64
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from PIL import Image

from facetell._version import __version__
from facetell.detect.aggregate import MIN_LOOKS
from facetell.detect.draw import draw_boxes, draw_crop, draw_heatmap, draw_marks
from facetell.detect.reading import look_again
from facetell.detect.report import (
    CLEARS_NOTHING,
    OUTCOMES,
    ClipReport,
    FaceReport,
    ModelInfo,
    Report,
    Segment,
    TrackReport,
    clock,
    p_text,
)
from facetell.detect.timeline import Point, curves, gap_s, height, marks_at, span_of
from facetell.errors import MediaError
from facetell.types import Picture

FACES_SHOWN, TRACKS_SHOWN = 12, 6
CROP_PX = 240


def page_head(model: ModelInfo, limits: Sequence[str], counts: Mapping[str, int]) -> str:
    """The page up to the first file. counts: number of files by verdict or status."""
    said = {outcome: counts[outcome] for outcome in OUTCOMES if counts.get(outcome)}
    return _render("head.html", model=model, counts=said, limits=limits, version=__version__)


def page_group(outcome: str, counts: Mapping[str, int]) -> tuple[str, str]:
    """What stands before and after the files of a kind: nothing where there is no other kind; what
    failed is folded."""
    if len(counts) < 2:
        return "", ""
    return _render("group.html", word=outcome, number=counts[outcome]), "</details>\n"


def page_entry(report: Report, name: str | None = None) -> str:
    """One file; its picture, or frames, are read again from where it lies. name: what to call it,
    if not by its path."""
    named = report.model_copy(update={"path": name}) if name else report
    if report.clip is not None:
        return _render("clip.html", report=named, **_clip_parts(report, report.clip))
    return _render("entry.html", report=named, **_pictures(report))


def page_end() -> str:
    return _render("end.html")


def whole_page(report: Report, name: str) -> str:
    """The page of one file alone; name: what to call it."""
    counts = {report.outcome: 1}
    return page_head(report.model, report.limits, counts) + page_entry(report, name) + page_end()


def _pictures(report: Report) -> dict[str, Any]:
    """Data URLs of the picture with boxes and, for each face shown, of its crop and evidence."""
    shown = report.faces[:FACES_SHOWN]
    again = _read_again(report) if report.size_wh else iter(())
    picture = next((picture for picture, _ in again), None)
    if picture is None:
        return {"overview": None, "faces": [(face, None, None) for face in shown]}
    return {
        "overview": data_url(draw_boxes(picture, report.faces, longest_px=720)),
        "faces": [
            (
                face,
                data_url(draw_crop(picture, face, CROP_PX)),
                data_url(draw_heatmap(picture, face, CROP_PX)),
            )
            for face in shown
        ],
    }


@dataclass(frozen=True)
class DrawnTrack:
    """What the page shows of a track.

    lines: curves of p_fake. frames: faces with the URLs of crop and evidence, None where the clip
    could not be read again. segments: with the face that shows each. A face's anchor is `anchor`.
    """

    track: TrackReport
    lines: list[list[Point]]
    frames: list[tuple[FaceReport, tuple[str, str] | None]]
    segments: list[tuple[Segment, FaceReport | None]]


def _clip_parts(report: Report, clip: ClipReport) -> dict[str, Any]:
    """The most suspicious frame with boxes, and the tracks that are drawn or only named."""
    judged = sum(track.looks >= MIN_LOOKS for track in clip.tracks) or 1
    tracks, brief = clip.tracks[:judged][:TRACKS_SHOWN], clip.tracks[judged:]
    span, overview, overview_s = span_of(clip), None, 0.0
    urls: dict[int, tuple[str, str]] = {}
    wanted = {id(face) for track in tracks for face in track.faces}
    for picture, faces in _read_again(report) if tracks else ():
        for face in faces:
            if id(face) in wanted:
                pair = draw_crop(picture, face, CROP_PX), draw_heatmap(picture, face, CROP_PX)
                urls[id(face)] = data_url(pair[0]), data_url(pair[1])
            if face is tracks[0].faces[0]:
                overview_s = face.time_s or 0.0
                overview = data_url(draw_marks(picture, marks_at(clip, overview_s), 720))
    drawn = [
        DrawnTrack(
            track,
            curves(track, span, gap_s(clip)),
            [(face, urls.get(id(face))) for face in by_time(track.faces)],
            [(segment, _shows(segment, track)) for segment in track.segments],
        )
        for track in tracks
    ]
    return {
        "span": span,
        "overview": overview,
        "overview_s": overview_s,
        "tracks": drawn,
        "brief": brief,
    }


def _read_again(report: Report) -> Iterator[tuple[Picture, list[FaceReport]]]:
    """What is left of the file since it was judged; the entry says so where nothing is."""
    try:
        yield from look_again(report)
    except MediaError:
        return


def by_time(faces: Sequence[FaceReport]) -> list[FaceReport]:
    return sorted(faces, key=lambda face: face.time_s or 0.0)


def _shows(segment: Segment, track: TrackReport) -> FaceReport | None:
    inside = (f for f in track.faces if segment.start_s <= (f.time_s or 0.0) < segment.end_s)
    return max(inside, key=lambda face: face.p_fake, default=None)


def anchor(report: Report, track: TrackReport, face: FaceReport) -> str:
    """The name of a face's place in the page, the same in every page."""
    return f"c{zlib.crc32(report.path.encode(errors='replace')):08x}-{track.id}-{face.time_s}"


def data_url(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("facetell.detect"), autoescape=select_autoescape(), trim_blocks=True
    )
    environment.filters["percent"] = lambda p: f"{100 * p:.2f}%"
    environment.filters["p"] = p_text
    environment.filters["clock"] = clock
    environment.filters["y"] = lambda p: 1 - height(p)
    environment.globals |= {"anchor": anchor, "clears_nothing": CLEARS_NOTHING}
    return environment


def _render(name: str, **values: Any) -> str:
    text: str = _environment().get_template(name).render(**values)
    return text
