"""Robustness: treat a picture badly with sliders, and see score and verdict move."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st
from PIL import Image

from facetell.dashboard import cached, charts
from facetell.dashboard.views import parts
from facetell.evaluate.found import FoundModel
from facetell.evaluate.stress import Dose


@dataclass(frozen=True)
class Knob:
    """A slider for one field of Dose. levels: where the curve is drawn, harmless first."""

    field: str
    label: str
    levels: tuple[float, ...]


KNOBS = (
    Knob("jpeg_quality", "JPEG quality", (100, 95, 90, 80, 70, 60, 50, 40, 30, 20, 10)),
    Knob(
        "scale", "Resized to, share of the sides", (1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
    ),
    Knob("blur_px", "Blur, pixels", (0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5)),
    Knob("noise", "Noise, of 255", (0, 2, 4, 6, 8, 10, 15, 20, 30)),
)
SHOWN_PX = 720


def show(folders: Sequence[Path]) -> None:
    st.title("Robustness")
    model = parts.one_model(folders)
    given = parts.given_picture()
    if given is None:
        st.info(
            "Give a picture with a face, then treat it badly: the score and the verdict move "
            "with the sliders.",
            icon=":material/tune:",
        )
        return
    path, digest = given
    with parts.explained():
        picture = cached.picture(path, digest)
        dose = _dose_wanted()
        report = cached.degraded(path, digest, dose, model)
        shown, said = st.columns([2, 3])
        treated = Image.fromarray(dose.treat(picture.image))
        treated.thumbnail((SHOWN_PX, SHOWN_PX))
        shown.image(treated, caption="the picture as it is judged")
        with said:
            parts.show_verdict(report)
            _show_curve(path, digest, dose, model)


def _dose_wanted() -> Dose:
    columns = st.columns(len(KNOBS))
    amounts = {
        knob.field: column.select_slider(knob.label, knob.levels, key=knob.field)
        for knob, column in zip(KNOBS, columns, strict=True)
    }
    return replace(Dose(), **amounts)


def _show_curve(path: Path, digest: str, dose: Dose, model: FoundModel) -> None:
    """p_fake over one slider, the others as they stand."""
    knob = st.selectbox("Curve over", KNOBS, format_func=lambda knob: knob.label)
    bar = st.progress(0.0, "Judging along the curve…")
    reports = []
    for done, level in enumerate(knob.levels, start=1):
        other = replace(dose, **{knob.field: level})
        reports.append(cached.degraded(path, digest, other, model))
        bar.progress(done / len(knob.levels), "Judging along the curve…")
    bar.empty()
    p_fakes = [report.p_fake for report in reports]
    now = getattr(dose, knob.field)
    figure = charts.sweep(knob.levels, p_fakes, reports[0].model, knob.label, now)
    parts.draw(figure, "sweep")
