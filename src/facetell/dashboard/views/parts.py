"""What several views show."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from plotly import graph_objects as go

from facetell.dashboard import cached, charts
from facetell.data.layouts import PICTURE_ENDINGS
from facetell.detect.report import CLEARS_NOTHING, FaceReport, ModelInfo, Report, p_text
from facetell.errors import FacetellError
from facetell.evaluate.found import FoundModel
from facetell.types import Status, Verdict

CLIP_ENDINGS = {
    *(".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ts", ".gif", ".webp"),
}
BADGE = {
    Verdict.REAL: ("real", "blue", ":material/remove:"),
    Verdict.FAKE: ("fake", "orange", ":material/report:"),
    Verdict.UNCERTAIN: ("uncertain", "gray", ":material/help:"),
}
BARE = {"displayModeBar": False}


@contextmanager
def explained() -> Iterator[None]:
    """What goes wrong inside is told with its remedy, and the page goes on behind it."""
    try:
        yield
    except FacetellError as error:
        st.error(without_pictures(f"{error.args[0]}\n\n{error.hint}"), icon=":material/error:")


def draw(figure: go.Figure, key: str) -> None:
    st.plotly_chart(figure, config=BARE, key=key)


def usable(folders: Sequence[Path]) -> list[FoundModel]:
    """The models that can judge, the one inside the package first."""
    return [model for model in cached.models(folders) if model.problem is None]


def one_model(folders: Sequence[Path]) -> FoundModel:
    """Let one be chosen."""
    return st.selectbox("Model", usable(folders), format_func=lambda model: model.name)


def given_picture() -> tuple[Path, str] | None:
    """Let one be uploaded: where it lies, and the SHA-256 of its content."""
    return _given("Picture", PICTURE_ENDINGS)


def given_clip() -> tuple[Path, str] | None:
    """The same for a clip."""
    return _given("Clip", CLIP_ENDINGS)


def _given(label: str, endings: Iterable[str]) -> tuple[Path, str] | None:
    sent = st.file_uploader(label, sorted(endings))
    with explained():
        return cached.uploaded(sent.name, sent.getvalue()) if sent else None
    return None


def show_verdict(report: Report) -> None:
    """Verdict, p_fake on its scale with both thresholds, reason and warnings; or why there is
    none."""
    if report.status is Status.ERROR:
        st.error(without_pictures(f"It cannot be judged: {report.reason}"), icon=":material/error:")
        return
    if report.p_fake is None or report.verdict is None:
        st.info(f"No verdict: {report.reason}", icon=":material/person_off:")
        return
    word, colour, icon = BADGE[report.verdict]
    left, right = st.columns([1, 1], vertical_alignment="center")
    left.markdown(f"## :{colour}[{icon} {word}]")
    right.metric(
        "p_fake",
        p_text(report.p_fake),
        help="0 is real, 1 is fake; calibrated on the model's validation pictures.",
    )
    show_scale(report.p_fake, report.model, f"scale {report.path} {report.model.sha256}")
    if report.verdict is Verdict.REAL:
        st.caption(CLEARS_NOTHING)
    if report.reason:
        st.caption(report.reason)
    for warning in report.warnings:
        st.warning(warning, icon=":material/warning:")


def show_scale(p_fake: float, model: ModelInfo, key: str) -> None:
    draw(charts.scale(p_fake, model), key)
    st.caption(
        f"real below {model.real_below:.3f}, fake from {model.fake_from:.3f}, in between uncertain"
    )


def face_words(face: FaceReport) -> str:
    return f"{face.verdict}, p_fake {p_text(face.p_fake)}, {face.quality.size_px:.0f} px"


def show_limits(report: Report) -> None:
    with st.expander("What this does not mean"):
        for limit in report.limits:
            st.markdown(f"- {without_pictures(limit)}")


def without_pictures(foreign: str) -> str:
    """Markdown with words of a model's card, a manifest or a file's name: a picture in them would
    be fetched from whoever wrote it, who would know who looks."""
    return foreign.replace("![", r"!\[")


def show_downloads(report: Report, digest: str, name: str) -> None:
    """The report as a page to hand on, and as JSON. digest: of the file that was uploaded."""
    stem, key = Path(name).stem, f"{digest} {report.model.sha256}"
    html, json = st.columns(2)
    html.download_button(
        "Report (HTML)",
        cached.page(digest, report, name),
        f"{stem}-facetell.html",
        "text/html",
        key=f"html {key}",
        icon=":material/download:",
        on_click="ignore",
    )
    json.download_button(
        "Report (JSON)",
        report.model_copy(update={"path": name}).model_dump_json(indent=2),
        f"{stem}-facetell.json",
        "application/json",
        key=f"json {key}",
        icon=":material/data_object:",
        on_click="ignore",
    )


def data_wanted(folders: Sequence[Path]) -> Path | None:
    """Data in the folders, or whatever path is typed in."""
    found = cached.datasets(folders)
    listed, typed = st.columns(2)
    chosen = listed.selectbox(
        "Data in the folders",
        found,
        index=None,
        disabled=not found,
        placeholder="choose one" if found else "there is none",
    )
    path = typed.text_input("or the path of a manifest or folder").strip()
    if not path:
        return chosen
    try:
        named = Path(path).expanduser()
        named.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, or ~ and the name of nobody
        st.error(without_pictures(f"{path} cannot be opened: {error}"), icon=":material/error:")
        return None
    return named
