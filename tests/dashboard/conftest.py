"""A lab as it lies on a disk, and views that run without a browser."""

import shutil
from pathlib import Path

import pytest

from facetell.evaluate.score import write_scores
from tests.evaluate.test_compare import scored
from tests.lab_data import run_folder

TIMEOUT_S = 60


def _script(view, folders):
    """Runs as a script of its own: it sees nothing of this file."""
    from pathlib import Path

    from facetell.dashboard.app import show

    show(view, [Path(folder) for folder in folders])


@pytest.fixture
def opened():
    """Opens a view over folders, as a person would see it."""
    testing = pytest.importorskip("streamlit.testing.v1", reason="the dashboard extra is missing")

    def open_one(view: str, *folders: Path):
        args = (view, [str(folder) for folder in folders])
        return testing.AppTest.from_function(_script, args=args, default_timeout=TIMEOUT_S).run()

    return open_one


def write_lab(folder: Path, model: Path) -> Path:
    """Two finished runs with their scores, one in training, one broken; and a model that is
    none."""
    for seed, name in enumerate(("good", "poor")):
        run = run_folder(folder / name, {"1-all": [["0,0.7,19,", "0,,19,0.6", "0,0.5,39,"]]})
        shutil.copy(model, run / "model.onnx")
        write_scores(scored(seed, 2.0 - seed, count=80), run / "val-clean.csv")
    run_folder(folder / "young")
    run_folder(folder / "broken")
    (folder / "broken" / "config.yaml").write_text("architecture: [")
    (folder / "foreign.onnx").write_bytes(b"no model")
    return folder


@pytest.fixture
def lab(tmp_path, tiny_model) -> Path:
    return write_lab(tmp_path / "runs", tiny_model)
