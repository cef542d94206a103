"""Image: one picture, one or several models side by side, and why they say so."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from facetell.dashboard import cached, charts
from facetell.dashboard.views import parts
from facetell.detect.draw import draw_boxes, draw_crop, draw_heatmap, model_input, seen_square
from facetell.detect.evidence import draw_importance
from facetell.detect.report import FaceReport, Report
from facetell.errors import install
from facetell.evaluate.found import FoundModel
from facetell.evaluate.spectrum import read_references, spectrum
from facetell.types import Picture, Status

FACES_SHOWN = 6
GRAD_CAM = "Grad-CAM++"


def show(folders: Sequence[Path]) -> None:
    st.title("Image")
    models = parts.usable(folders)
    left, right = st.columns([3, 1])
    chosen = left.multiselect(
        "Models",
        models,
        models[:1],
        format_func=lambda model: model.name,
        help="Several stand side by side.",
    )
    file, camera = "a file", "the camera"
    source = right.segmented_control("Picture from", [file, camera], default=file)
    given = _photographed() if source == camera else parts.given_picture()
    if given is None:
        st.info(
            "Give a picture with a face: JPEG, PNG, WebP, HEIC and others, or take one with "
            "the camera. It stays on this machine.",
            icon=":material/add_photo_alternate:",
        )
        return
    if not chosen:
        st.info("Choose a model.", icon=":material/leaderboard:")
        return
    path, digest = given
    judged = []
    for model, column in zip(chosen, st.columns(len(chosen)), strict=True):
        with column, parts.explained():
            if len(chosen) > 1:
                st.subheader(parts.without_pictures(model.name))
            with st.spinner("Judging…"):
                report = cached.report(path, digest, model)
            parts.show_verdict(report)
            parts.show_downloads(report, digest, path.name)
            parts.show_limits(report)
            if report.clip:
                st.info("This picture moves: the view Video shows it frame by frame.")
            elif report.status is Status.OK:
                judged.append((model, report))
    if judged:
        _show_faces(path, digest, judged)


def _photographed() -> tuple[Path, str] | None:
    taken = st.camera_input("Take a picture")
    with parts.explained():
        return cached.uploaded("camera.jpg", taken.getvalue()) if taken else None
    return None


def _show_faces(path: Path, digest: str, judged: Sequence[tuple[FoundModel, Report]]) -> None:
    """Boxes, then for the chosen face what every model saw and why it said so."""
    with parts.explained():
        picture = cached.picture(path, digest)
        first = judged[0][1]
        faces = first.faces[:FACES_SHOWN]
        left, right = st.columns([2, 3])
        with left:
            st.image(
                draw_boxes(picture, first.faces),
                caption="what the face finder found, as the first model judges it",
            )
        with right:
            number = 0
            if len(faces) > 1:
                number = st.radio(
                    "Face",
                    range(len(faces)),
                    horizontal=True,
                    format_func=lambda n: f"{n + 1}: {parts.face_words(faces[n])}",
                )
            for model, report in judged:
                face = _same_face(report, faces[number])
                if face is not None:
                    _show_reasons(picture, face, model, several=len(judged) > 1)
        with st.expander("Spectrum of the face", icon=":material/graphic_eq:"):
            _show_spectrum(picture, faces[number])


def _same_face(report: Report, wanted: FaceReport) -> FaceReport | None:
    """All models are given the same boxes by the finder."""
    return next((face for face in report.faces if face.box_xyxy == wanted.box_xyxy), None)


def _show_reasons(picture: Picture, face: FaceReport, model: FoundModel, *, several: bool) -> None:
    said = parts.face_words(face)
    st.markdown(parts.without_pictures(f"**{model.name}**: {said}" if several else said))
    seen, evidence, cam = st.columns(3)
    seen.image(draw_crop(picture, face), caption="what the model saw")
    evidence.image(
        draw_heatmap(picture, face),
        caption="evidence: its mean is the score; orange speaks for fake, blue for real",
    )
    with cam:
        _show_grad_cam(picture, face, model)


def _show_grad_cam(picture: Picture, face: FaceReport, model: FoundModel) -> None:
    if not (model.path.parent / "checkpoints").is_dir():
        st.caption(
            f"{GRAD_CAM} needs the run that the model came from: choose one of a run folder."
        )
        return
    if not cached.GRAD_CAM_INSTALLED:
        st.caption(f"{GRAD_CAM} needs torch; {install('train')}")
        return
    if not st.toggle(GRAD_CAM, key=f"cam {model.sha256}"):
        return
    with parts.explained(), st.spinner(f"{GRAD_CAM}…"):
        explain, fake = cached.explainers(model)[GRAD_CAM], face.log_odds > 0
        assert model.card is not None
        crop = model_input(picture, face, model.card.crop)
        side = "fake" if fake else "real"
        st.image(
            draw_importance(np.asarray(draw_crop(picture, face)), explain(crop, fake), fake=fake),
            caption=f"{GRAD_CAM}: what speaks for {side}",
        )


def _show_spectrum(picture: Picture, face: FaceReport) -> None:
    found = spectrum(picture, seen_square(picture, face))
    reference = read_references().sizes.get(found.size)
    power, radial, dct = st.columns(3)
    with power:
        parts.draw(charts.power(found), "power")
    with radial:
        parts.draw(charts.radial(found, reference), "radial")
    with dct:
        if found.dct is None:
            st.caption("The face has too few whole blocks of 8 x 8 pixels for a DCT.")
        else:
            parts.draw(charts.dct(found.dct, reference), "dct")
    st.caption(
        "Scaling and compression move these curves as much as generators do: they are for "
        "the eye, and no verdict follows from them."
    )
