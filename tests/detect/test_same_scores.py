"""What makes judging quick must leave the scores alone: each short cut beside the plain way."""

import numpy as np
import pytest
from PIL import Image

from facetell.detect import answers, faces, media
from facetell.detect import model as model_module
from facetell.detect.analyze import Detector
from facetell.detect.model import Model
from tests.shared import EXAMPLES, noise_image


@pytest.fixture(scope="module")
def detector():
    return Detector.load()


def plain_inputs(image, sides):
    """Each look for itself, from the whole picture."""
    inputs = []
    for side in sides:
        scale = side / max(image.shape)
        size_wh = tuple(32 * max(1, int(np.ceil(n * scale / 32))) for n in image.shape[1::-1])
        whole = Image.fromarray(image).reduce(max(1, int(1 / (2 * scale))))
        pixels = np.asarray(whole.resize(size_wh, Image.Resampling.BILINEAR))
        scale_xy = np.divide(size_wh, image.shape[1::-1]).astype(np.float32)
        inputs.append((pixels, scale_xy))
    return inputs


def plain_tensor(crops, spec):
    normalised = (crops.astype(np.float32) - np.float32(spec.mean)) / np.float32(spec.std)
    return normalised.transpose(0, 3, 1, 2).copy()


@pytest.mark.parametrize("longest_px", [256, 900, 1700])
def test_a_picture_gets_the_score_of_the_plain_way(longest_px, detector, tmp_path, monkeypatch):
    path = tmp_path / "portrait.jpg"
    with Image.open(EXAMPLES / "real-astronaut.jpg") as image:
        height = longest_px * image.height // image.width
        image.resize((longest_px, height)).save(path, quality=90)
    quick = detector.analyze(path)
    monkeypatch.setattr(media, "to_rgb", lambda image: np.asarray(image.convert("RGB")))
    monkeypatch.setattr(faces, "_network_inputs", plain_inputs)
    monkeypatch.setattr(answers, "STRIP_ROWS", 10_000)
    monkeypatch.setattr(model_module, "to_tensor", plain_tensor)
    plain = detector.analyze(path)
    assert len(quick.faces) == len(plain.faces) > 0
    for one, other in zip(quick.faces, plain.faces, strict=True):
        assert one.p_fake == pytest.approx(other.p_fake, abs=1e-3)
        assert one.box_xyxy == other.box_xyxy


def test_crops_get_the_same_logits_however_many_come_at_once():
    model = Model.load()
    size_px = model.card.crop.size_px
    crops = np.stack([noise_image(size_px, size_px, seed) for seed in range(9)])
    together, _ = model.score(crops)
    alone = [model.score(crop[None])[0][0] for crop in crops]
    np.testing.assert_allclose(together, alone, atol=1e-3)
