import numpy as np
import pytest
import torch

from facetell.detect.card import ModelCard
from facetell.detect.model import Model
from facetell.errors import DataError
from facetell.train.average import average
from facetell.train.export import onnx_bytes, write_model
from facetell.train.join import join, part_of
from facetell.train.networks import registry
from facetell.train.networks.folding import fold
from tests.cli.tiny_model import tiny_card
from tests.shared import noise_image
from tests.train.tiny import tiny_network

SIZE_PX = 64
# torch's own exporter uses what torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    tiny = registry.Architecture(lambda size_px, pretrained: tiny_network(), "for tests")
    monkeypatch.setitem(registry.ARCHITECTURES, "tiny", lambda: tiny)


def folded_model(path, seed, architecture="tiny"):
    """Writes a model file of a network without normalisation; returns the network."""
    torch.manual_seed(seed)
    net = tiny_network()
    torch.nn.init.normal_(net.head.weight)
    fold(net, SIZE_PX, "fp32")
    card = tiny_card(recipe={"architecture": architecture}, trained_on={"a": seed})
    card["crop"]["size_px"] = SIZE_PX
    write_model(onnx_bytes(net.eval(), SIZE_PX), ModelCard.model_validate(card), path)
    return net


def test_networks_of_joined_joins_are_counted_through():
    pair = {"1: first": {"seed": 1}, "2: second": {"1: a": {}, "2: b": {}, "averaged": [1, 1]}}
    card = ModelCard.model_validate(tiny_card(recipe={"1: pair": pair, "2: third": {"seed": 3}}))
    assert [part_of(card, number).name for number in (1, 2, 3)] == ["first", "second", "third"]
    assert part_of(card, 3).recipe == {"seed": 3}


@pytest.mark.parametrize("times", [1, 2])
def test_the_average_has_the_mean_of_the_weights(tmp_path, times):
    files = [tmp_path / "one.onnx", tmp_path / "two.onnx"]
    one, two = (folded_model(path, seed) for seed, path in enumerate(files, start=1))
    data, draft = average([files[0], *[files[1]] * times], "both")
    write_model(data, draft, tmp_path / "both.onnx")
    crops = np.stack([noise_image(SIZE_PX, SIZE_PX, seed) for seed in range(3)])
    said, _ = Model.load(tmp_path / "both.onnx").score(crops)
    with torch.no_grad():
        for mine, other in zip(one.parameters(), two.parameters(), strict=True):
            mine.copy_((mine + times * other) / (1 + times))
    write_model(onnx_bytes(one, SIZE_PX), draft, tmp_path / "expected.onnx")
    expected, _ = Model.load(tmp_path / "expected.onnx").score(crops)
    apart = [Model.load(path).score(crops)[0] for path in files]
    np.testing.assert_allclose(said, expected, atol=1e-5)
    assert not np.allclose(said, np.mean(apart, axis=0), atol=1e-3)
    assert (draft.name, draft.recipe["averaged"], draft.trained_on) == (
        "both",
        [1, times],
        {"a": 2},
    )
    assert draft.start_weights == "none"


def test_of_joined_models_the_network_counts_that_is_like_the_others(tmp_path):
    files = [tmp_path / name for name in ("one.onnx", "two.onnx", "joined.onnx")]
    for seed, path in enumerate(files[:2], start=1):
        folded_model(path, seed)
    write_model(*join(files[:2], "joined"), files[2])
    crops = np.stack([noise_image(SIZE_PX, SIZE_PX, 1)])
    said = []
    for first in (files[0], files[2]):
        data, draft = average([first, files[1]], "mean")
        write_model(data, draft, tmp_path / "mean.onnx")
        said.append(Model.load(tmp_path / "mean.onnx").score(crops)[0])
    np.testing.assert_allclose(*said, atol=2e-3)  # joined files keep half precision
    assert draft.recipe["1: tiny"] == {"architecture": "tiny"}  # not that of the whole
    with pytest.raises(DataError, match="not alike: none names its architecture"):
        average([files[2], files[2]], "mean")


def test_models_that_are_not_alike_are_refused(tmp_path):
    one, other = tmp_path / "one.onnx", tmp_path / "other.onnx"
    folded_model(one, 1)
    folded_model(other, 2, architecture="resnet50")
    with pytest.raises(DataError, match="not alike: resnet50, tiny"):
        average([one, other], "both")
    with pytest.raises(DataError, match="nothing to average"):
        average([one], "both")
