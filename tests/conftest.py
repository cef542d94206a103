"""Pictures to judge, and a quick model to judge them with."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.broken_inputs.make import photo
from tests.cli.command import Outcome, facetell
from tests.cli.tiny_model import tiny_card, write_tiny_model
from tests.clips import nodding, write_clip
from tests.clips import portrait as portrait_of
from tests.shared import EXAMPLES


@pytest.fixture(scope="session")
def small_portrait(tmp_path_factory) -> Path:
    """A photograph with one face, small enough to be judged in no time; to be copied."""
    path = tmp_path_factory.mktemp("portrait") / "face.jpg"
    with Image.open(EXAMPLES / "real-astronaut.jpg") as picture:
        picture.crop((96, 0, 352, 256)).save(path, quality=95)
    return path


@pytest.fixture
def portrait(small_portrait, tmp_path) -> Path:
    """A photograph with one face, in a folder of its own."""
    (tmp_path / "pictures").mkdir()
    return Path(shutil.copy(small_portrait, tmp_path / "pictures" / "face.jpg"))


@pytest.fixture(scope="session")
def two_people(tmp_path_factory) -> Path:
    """A photograph with two faces, side by side."""
    people = [Image.open(EXAMPLES / f"real-{name}.jpg") for name in ("astronaut", "grace-hopper")]
    together = Image.new("RGB", (1024, 600))
    for column, picture in enumerate(people):
        together.paste(picture, (512 * column, 0))
    path = tmp_path_factory.mktemp("two") / "two people.png"
    together.save(path)
    return path


@pytest.fixture
def landscape(tmp_path) -> Path:
    """A picture without a face."""
    path = tmp_path / "landscape.png"
    photo().save(path)
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    return write_tiny_model(path, json.dumps(tiny_card()))


@pytest.fixture(scope="session")
def examples_run(tmp_path_factory) -> tuple[Outcome, Path]:
    """`facetell detect` with every output over the example pictures: its outcome and its folder."""
    out = tmp_path_factory.mktemp("examples")
    outcome = facetell(
        "detect",
        EXAMPLES,
        *("--json", out / "r.jsonl", "--csv", out / "r.csv", "--html", out / "r.html"),
        *("--heatmaps", out / "heatmaps", "--boxes", out / "boxes"),
    )
    return outcome, out


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    """Two seconds of a face."""
    path = tmp_path_factory.mktemp("clip") / "interview.mp4"
    return write_clip(path, nodding(portrait_of("astronaut"), 20))
