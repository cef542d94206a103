"""Video: a clip over time, face by face; a click on a moment shows its frame with the evidence."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from facetell.dashboard import cached, charts
from facetell.dashboard.views import parts
from facetell.detect.draw import draw_crop, draw_heatmap, draw_marks
from facetell.detect.report import ClipReport, Report, TrackReport, clock, p_text
from facetell.detect.timeline import marks_at, span_of
from facetell.evaluate.found import FoundModel

TRACKS_SHOWN = 6
FRAMES_ACROSS = 4


def show(folders: Sequence[Path]) -> None:
    st.title("Video")
    model = parts.one_model(folders)
    given = parts.given_clip()
    if given is None:
        st.info(
            "Give a clip: MP4, MOV, WebM, MKV, GIF and others. Four frames a second are judged, "
            "and the clip stays on this machine.",
            icon=":material/video_file:",
        )
        return
    path, digest = given
    with parts.explained():
        report = _watched(path, digest, model)
        parts.show_verdict(report)
        if report.clip is not None and report.clip.tracks:
            _show_tracks(path, digest, report, report.clip, model)
        if report.clip is None and report.faces:
            st.info("This is a still picture: the view Image shows more of it.")
        parts.show_downloads(report, digest, path.name)
        parts.show_limits(report)


def _watched(path: Path, digest: str, model: FoundModel) -> Report:
    words = "Watching the clip…"
    bar = st.progress(0.0, words)
    try:
        return cached.report(path, digest, model, lambda share: bar.progress(share, words))
    finally:
        bar.empty()


def _show_tracks(
    path: Path, digest: str, report: Report, clip: ClipReport, model: FoundModel
) -> None:
    tracks = clip.tracks[:TRACKS_SHOWN]
    key = f"{digest} {model.sha256}"
    if f"moment {key}" not in st.session_state:
        st.session_state[f"moment {key}"] = tracks[0].faces[0].time_s or 0.0
    time_s: float = st.session_state[f"moment {key}"]
    st.subheader("p_fake over time")
    st.caption(
        "Shaded: spans with fake signs. Crosses do not count. Click a point to see its frame."
    )
    for track in tracks:
        _show_track(clip, track, report, time_s, key)
    _show_moment(path, digest, clip, model, key)
    _show_telling(digest, report, tracks)


def _show_track(
    clip: ClipReport, track: TrackReport, report: Report, time_s: float, key: str
) -> None:
    word, colour, icon = parts.BADGE[track.verdict]
    st.markdown(
        f":{colour}-badge[{icon} face {track.id}: {word}] p_fake {p_text(track.p_fake)}, seen "
        f"{clock(track.start_s)} to {clock(track.end_s)}, {track.frames_used} of "
        f"{len(track.timeline)} frames count"
    )
    if track.segments:
        said = [
            f"{clock(s.start_s)} to {clock(s.end_s)} (peak {p_text(s.peak)}, mean {p_text(s.mean)})"
            for s in track.segments
        ]
        st.markdown(f"Fake signs: {'; '.join(said)}")
    chart = f"timeline {track.id} {key}"

    def choose() -> None:
        points = st.session_state[chart].selection.points
        if points:
            st.session_state[f"moment {key}"] = float(points[0]["x"])

    st.plotly_chart(
        charts.timeline(clip, track, report.model, time_s),
        config=parts.BARE,
        key=chart,
        on_select=choose,
        selection_mode="points",
    )


def _show_moment(path: Path, digest: str, clip: ClipReport, model: FoundModel, key: str) -> None:
    """The frame at the chosen moment, with boxes, and the evidence over every face in it."""
    span = span_of(clip)
    time_s = st.slider("Moment, seconds", span.start_s, span.end_s, key=f"moment {key}")
    with parts.explained():
        with st.spinner("Looking at that moment…"):
            picture, faces = cached.moment(path, digest, time_s, model)
        frame, evidence = st.columns([3, 2])
        frame.image(draw_marks(picture, marks_at(clip, time_s)), caption=f"at {clock(time_s)}")
        with evidence:
            if not faces:
                st.caption("No face is found in this frame.")
            for face in faces[:TRACKS_SHOWN]:
                st.image(
                    [draw_crop(picture, face, 170), draw_heatmap(picture, face, 170)], width=170
                )
                st.caption(f"{parts.face_words(face)}; right: evidence")


def _show_telling(digest: str, report: Report, tracks: Sequence[TrackReport]) -> None:
    """The most telling frames of every face, as in the report."""
    st.subheader("The most telling frames")
    with parts.explained():
        drawn = cached.telling(digest, report)
        for track in tracks:
            st.markdown(f"Face {track.id}")
            columns = st.columns(FRAMES_ACROSS)
            shown = [(face, image) for face, image in drawn if face in track.faces]
            for number, (face, image) in enumerate(shown):
                said = f"{clock(face.time_s or 0.0)}, p_fake {p_text(face.p_fake)}"
                columns[number % FRAMES_ACROSS].image(image, caption=said)
