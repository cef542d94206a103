"""A report as one self-contained page: no script, no outside resource."""

import base64
import io
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from PIL import Image

from facetell._version import __version__
from facetell.detect.draw import draw_boxes, draw_crop, draw_heatmap
from facetell.detect.media import read_picture
from facetell.detect.report import ModelInfo, Report, p_text
from facetell.errors import MediaError

FACES_SHOWN = 12
CROP_PX = 240


def page_head(model: ModelInfo, limits: Sequence[str], counts: Mapping[str, int]) -> str:
    """The page up to the first file. counts: number of files by verdict or status."""
    return _render("head.html", model=model, counts=counts, limits=limits, version=__version__)


def page_entry(report: Report, name: str | None = None) -> str:
    """One file; its picture is read again from where it lies. name: what to call it, if not by its
    path."""
    named = report.model_copy(update={"path": name}) if name else report
    return _render("entry.html", report=named, **_pictures(report))


def page_end() -> str:
    return _render("end.html")


def _pictures(report: Report) -> dict[str, Any]:
    """Data URLs of the picture with boxes and, for each face shown, of its crop and evidence."""
    shown = report.faces[:FACES_SHOWN]
    try:
        picture = read_picture(Path(report.path)) if report.size_wh else None
    except MediaError:
        picture = None  # deleted since it was judged; the entry says so
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
    return environment


def _render(name: str, **values: Any) -> str:
    text: str = _environment().get_template(name).render(**values)
    return text
