"""The dashboard: one page per view. `facetell dashboard` runs this file with Streamlit and passes
the folders that hold runs, models and data."""

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

import streamlit as st
from PIL import Image, ImageDraw

from facetell.detect.evidence import FAKE_RGB, REAL_RGB

# Modules of `views`, with title and icon; the first one is shown at the start.
VIEWS = {
    "models": ("Models", ":material/leaderboard:"),
    "image": ("Image", ":material/portrait:"),
    "video": ("Video", ":material/movie:"),
    "data": ("Data", ":material/dataset:"),
    "robustness": ("Robustness", ":material/tune:"),
}


def main(folders: Sequence[Path]) -> None:
    st.set_page_config(page_title="facetell", page_icon=mark(), layout="wide")
    st.logo(mark(), size="large")
    pages = [
        st.Page(partial(show, name, folders), title=title, icon=icon, url_path=name)
        for name, (title, icon) in VIEWS.items()
    ]
    st.navigation(pages).run()


def show(view: str, folders: Sequence[Path]) -> None:
    """Imported when it is first looked at: what the audit needs takes seconds to load."""
    import_module(f"facetell.dashboard.views.{view}").show(folders)


def mark() -> Image.Image:
    """The sign of the tab: drawn here, for Streamlit's own icons would come from the web."""
    image = Image.new("RGBA", (64, 64))
    pen = ImageDraw.Draw(image)
    pen.pieslice((4, 4, 60, 60), 90, 270, fill=REAL_RGB)
    pen.pieslice((4, 4, 60, 60), 270, 90, fill=FAKE_RGB)
    return image


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])
