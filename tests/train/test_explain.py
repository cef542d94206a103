import numpy as np
import pytest
import torch

from facetell.detect.crop import to_tensor
from facetell.errors import DataError
from facetell.train.explain import explainers, grad_cam, saliency
from tests.shared import drawn_face
from tests.train.tiny import tiny_recipe

SPEC = tiny_recipe().crop
CROP = drawn_face(64)


def test_grad_cam_marks_another_place_for_real_than_for_fake(net):
    fake, real = grad_cam(net, SPEC, CROP, True), grad_cam(net, SPEC, CROP, False)
    for found in (fake, real):
        assert found.shape == (64, 64)
        assert 0 <= found.min() <= found.max() <= 1
    assert np.abs(fake - real).max() > 0.1


def test_saliency_is_how_fast_the_score_changes(net):
    found = saliency(net, SPEC, CROP, True)
    row, column = np.unravel_index(found.argmax(), found.shape)
    tensor = torch.from_numpy(to_tensor(CROP[None], SPEC))
    slopes = []
    with torch.no_grad():
        before = net(tensor)[0]
        for colour in range(3):
            moved = tensor.clone()
            moved[0, colour, row, column] += 1e-2
            slopes.append(abs(float(net(moved)[0] - before)) / 1e-2)
    assert found.max() == pytest.approx(max(slopes), rel=0.02)


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_text("samples: 64\narchitecture: baseline_cnn\n")
    with pytest.raises(DataError, match="is not there"):
        explainers(tmp_path)
