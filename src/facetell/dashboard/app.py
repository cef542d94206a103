"""The dashboard: one page per view. `facetell dashboard` runs this file with Streamlit and passes
the folders that hold runs, models and data."""

import sys
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from PIL import Image, ImageDraw

from facetell.dashboard.views import data, image, models, robustness, video
from facetell.detect.evidence import FAKE_RGB, REAL_RGB


def main(folders: Sequence[Path]) -> None:
    st.set_page_config(page_title="facetell", page_icon=mark(), layout="wide")
    st.logo(mark(), size="large")
    pages = [
        st.Page(
            lambda: models.show(folders),
            title="Models",
            url_path="models",
            icon=":material/leaderboard:",
            default=True,
        ),
        st.Page(
            lambda: image.show(folders), title="Image", url_path="image", icon=":material/portrait:"
        ),
        st.Page(
            lambda: video.show(folders), title="Video", url_path="video", icon=":material/movie:"
        ),
        st.Page(
            lambda: data.show(folders), title="Data", url_path="data", icon=":material/dataset:"
        ),
        st.Page(
            lambda: robustness.show(folders),
            title="Robustness",
            url_path="robustness",
            icon=":material/tune:",
        ),
    ]
    st.navigation(pages).run()


def mark() -> Image.Image:
    """The sign of the tab: drawn here, for Streamlit's own icons would come from the web."""
    image = Image.new("RGBA", (64, 64))
    pen = ImageDraw.Draw(image)
    pen.pieslice((4, 4, 60, 60), 90, 270, fill=REAL_RGB)
    pen.pieslice((4, 4, 60, 60), 270, 90, fill=FAKE_RGB)
    return image


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])
