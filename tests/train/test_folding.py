"""Networks whose normalisation is folded say the same, learn, and go on from a model file."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from facetell.detect.model import Model
from facetell.detect.session import DEFAULT_MODEL
from facetell.errors import DataError
from facetell.train.detector import train_detector
from facetell.train.export import onnx_bytes
from facetell.train.networks import registry
from facetell.train.networks.detector import Detector
from facetell.train.networks.efficientnet_lite import efficientnet_lite0_short
from facetell.train.networks.folding import Pointwise, fold, unfold
from facetell.train.networks.from_model import witnesses
from facetell.train.networks.start import built
from tests.train.tiny import drawn_cache, tiny_network, tiny_recipe


@pytest.fixture(autouse=True)
def _tiny_architecture(monkeypatch):
    tiny = registry.Architecture(lambda size_px, pretrained: tiny_network(), "for tests")
    monkeypatch.setitem(registry.ARCHITECTURES, "tiny", lambda: tiny)


def used(net: Detector, size_px: int) -> Detector:
    """With statistics of normalisation that are those of no fresh network."""
    with torch.no_grad():
        net.train()(torch.randn(16, 3, size_px, size_px))
    return net.eval()


def crops(size_px: int, count: int = 4) -> torch.Tensor:
    return torch.randn(count, 3, size_px, size_px, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("arithmetic", ["fp32", "bf16"])
def test_a_folded_network_judges_as_before(arithmetic):
    net = used(efficientnet_lite0_short(pretrained=False), 64)
    with torch.no_grad():
        before = net(crops(64))[0]
        fold(net, 64, arithmetic)
        after = net.eval()(crops(64))[0]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())
    assert torch.allclose(before, after, atol=1e-4)


@pytest.mark.parametrize(("arithmetic", "tolerance"), [("fp32", 1e-4), ("bf16", 0.05)])
def test_a_product_learns_what_the_convolution_would(arithmetic, tolerance):
    conv = nn.Conv2d(8, 6, 1)
    quick = Pointwise(conv, arithmetic).train()
    features = torch.randn(3, 8, 5, 5)
    assert torch.allclose(quick(features), conv(features), atol=tolerance)
    gradients = []
    for layer in (quick, conv):
        (gradient,) = torch.autograd.grad(layer(features).square().mean(), [conv.weight])
        gradients.append(gradient)
    assert torch.allclose(*gradients, atol=tolerance)


def test_normalisation_given_back_changes_nothing_about_what_is_said():
    torch.manual_seed(1)
    normal, plain = (efficientnet_lite0_short(pretrained=False) for _ in range(2))
    fold(used(plain, 64), 64, "fp32")
    unfold(normal, plain, crops(64, 32))
    other = torch.randn(8, 3, 64, 64)
    with torch.no_grad():
        wanted = plain.eval()(other)[0]
        assert wanted.std() > 0
        assert torch.allclose(normal.eval()(other)[0], wanted, atol=1e-4)
        normal.train().dropout.eval()
        # by statistics of the batch at hand: those that it was given, for the same crops
        assert torch.allclose(normal(crops(64, 32))[0], plain(crops(64, 32))[0], atol=1e-3)


def test_what_cannot_be_folded_is_refused():
    first = Detector(nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)), channels=4)
    with pytest.raises(DataError, match=r"cannot be folded \(backbone.0\)"):
        fold(used(first, 32), 32, "fp32")


def test_a_file_whose_normalisation_stands_apart_is_no_start(tmp_path):
    """In Meso-4 it follows the activation: no convolution can take it in."""
    net = used(registry.architecture("meso4").build(64, False), 64)
    path = tmp_path / "meso.onnx"
    path.write_bytes(onnx_bytes(net, 64))
    with pytest.raises(DataError, match="cannot be folded"):
        built("meso4", 64, str(path), None, lambda: crops(64))
    with pytest.raises(ValueError, match="does not follow its convolutions"):
        witnesses(path)


def test_a_model_file_learns_on(tmp_path):
    net = used(efficientnet_lite0_short(pretrained=False), 64)
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_bytes(net, 64))
    again = built("efficientnet_lite0_short", 64, str(path), "fp32")
    with torch.no_grad():
        assert torch.allclose(again(crops(64))[0], net(crops(64))[0], atol=1e-4)


def test_the_witnesses_of_the_model_inside_learn_on():
    shares = {
        weight.name: float(numpy_helper.to_array(weight))
        for weight in onnx.load(DEFAULT_MODEL).graph.initializer
        if "calibrated logit" in weight.name
    }
    mirrored = Model.load().card.recipe["mirrored"]
    said = torch.zeros(4)
    for number, name in enumerate(["efficientnet_lite0", "efficientnet_lite0_short"]):
        witness = built(name, 192, str(DEFAULT_MODEL), "fp32").eval()
        looks = [crops(192), crops(192).flip(3)] if number + 1 in mirrored else [crops(192)]
        with torch.no_grad():
            logit = torch.stack([witness(look)[0] for look in looks]).mean(0)
        slope = shares[f"{number}/calibrated logit slope"]
        said += slope * logit + shares[f"{number}/calibrated logit intercept"]
    session = onnxruntime.InferenceSession(DEFAULT_MODEL)
    np.testing.assert_allclose(
        said.numpy(), session.run(["logit"], {"crops": crops(192).numpy()})[0], atol=1e-3
    )


def test_a_model_file_of_another_network_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_bytes(tiny_network(), 64))
    with pytest.raises(DataError, match="does not fit efficientnet_lite0_short"):
        built("efficientnet_lite0_short", 64, str(path), "fp32")


def test_a_model_file_has_no_normalisation_to_train(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_bytes(tiny_network(), 64))
    with pytest.raises(DataError, match="folded") as refused:
        built("tiny", 64, str(path))
    assert "--set folded=fp32" in refused.value.hint
    again = built("tiny", 64, str(path), crops=lambda: crops(64, 32))
    with torch.no_grad():
        said = onnxruntime.InferenceSession(path).run(["logit"], {"crops": crops(64).numpy()})[0]
        assert np.allclose(again.eval()(crops(64))[0].numpy(), said, atol=1e-4)


def test_a_broken_model_file_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(DataError, match="cannot be read as weights"):
        built("tiny", 64, str(path), "fp32")


def test_a_folded_run_learns_and_exports(tmp_path):
    recipe = tiny_recipe(folded="fp32", learning_rate=2e-3)
    net = train_detector(drawn_cache(tmp_path / "cache"), recipe, tmp_path / "run")
    session = onnxruntime.InferenceSession(onnx_bytes(net, 64))
    said = session.run(None, {"crops": crops(64).numpy()})[0]
    with torch.no_grad():
        assert np.allclose(said, net(crops(64))[0].numpy(), atol=1e-4)
    start = built("tiny", 64, False, "fp32")
    assert not torch.equal(net.head.weight, start.head.weight)


def test_the_checkpoint_of_a_folded_run_learns_on(tmp_path):
    net = train_detector(
        drawn_cache(tmp_path / "cache"), tiny_recipe(folded="fp32"), tmp_path / "run"
    )
    again = built("tiny", 64, str(tmp_path / "run/checkpoints/all/last.ckpt"), "fp32")
    with torch.no_grad():
        assert torch.allclose(again.eval()(crops(64))[0], net(crops(64))[0], atol=1e-6)
