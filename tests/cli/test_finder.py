"""`facetell finder …`: from pictures to a finder's file, in small."""

import pytest

from facetell.detect.card import FinderCard
from facetell.detect.faces import SmallFinder
from facetell.train import finder_recipe
from tests.cli.command import facetell
from tests.shared import EXAMPLES, noise_image

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")


def test_labels_then_a_trained_finder(tmp_path, monkeypatch):
    from PIL import Image

    scenes = tmp_path / "scenes"
    scenes.mkdir()
    for number in range(12):
        image = Image.fromarray(noise_image(300, 400, number))
        if number % 2:
            face = Image.open(EXAMPLES / "real-astronaut.jpg").crop((120, 20, 320, 220))
            image.paste(face.resize((120, 120)), (number * 10, 90))
        image.save(scenes / f"{number}.png")
    labels = tmp_path / "labels"
    done = facetell("finder", "label", scenes, "--out", labels, "--processes", 1)
    assert done.code == 0
    assert "pictures added" in done.out

    tiny = finder_recipe.FinderRecipe(stem=8, widths=(16, 16, 32), neck=16, samples=32,
                                      batch_size=8, canvas_px=96)  # fmt: skip
    monkeypatch.setattr(finder_recipe, "FinderRecipe", lambda: tiny)
    done = facetell("finder", "train", "--labels", labels, "--out", tmp_path / "run")
    assert done.code == 0
    card = SmallFinder(tmp_path / "run" / "faces.onnx").card
    assert isinstance(card, FinderCard)
    assert list(card.trained_on) == ["scenes"]


def test_training_without_labels_is_refused(tmp_path):
    done = facetell("finder", "train", "--labels", tmp_path, "--out", tmp_path / "run")
    assert done.code == 2
    assert "facetell finder label" in done.err
