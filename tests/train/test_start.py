import sys

import pytest
import torch
from safetensors.torch import save_file

from facetell.detect.model import Model
from facetell.detect.session import DEFAULT_MODEL
from facetell.errors import DataError
from facetell.train.networks import registry
from facetell.train.networks.registry import FROM_NOTHING
from facetell.train.networks.start import FIRST_OF_ALL, built, first_of_all, origin, origins
from tests.train.tiny import tiny_network


@pytest.fixture(autouse=True)
def _tiny_architecture(monkeypatch):
    tiny = registry.Architecture(lambda size_px, pretrained: tiny_network(), "for tests")
    monkeypatch.setitem(registry.ARCHITECTURES, "tiny", lambda: tiny)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.values(), other.values(), strict=True))


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_local_file_is_a_start(tmp_path, ending):
    weights = tiny_network().backbone.state_dict()
    path = tmp_path / f"weights{ending}"
    save_file(weights, path) if ending == ".safetensors" else torch.save(weights, path)
    net = built("tiny", 64, str(path))
    assert same(net.backbone.state_dict(), weights)
    assert origin("tiny", str(path)).startswith(f"weights{ending} (sha256 ")


def test_a_model_file_says_where_it_started_itself():
    said = origin("efficientnet_lite0", str(DEFAULT_MODEL))
    assert said.startswith(f"{Model.load().card.name} (sha256 ")
    began = first_of_all(Model.load().card.start_weights)
    assert said.endswith(FIRST_OF_ALL + began)


def test_models_that_went_on_from_one_another_name_each_start_once():
    on = [f"a (sha256 1){FIRST_OF_ALL}nothing", f"b (sha256 2){FIRST_OF_ALL}nothing"]
    assert origins([on[0], on[1], on[0]]) == (f"a (sha256 1); b (sha256 2){FIRST_OF_ALL}nothing")
    assert origins(["nothing", "a package"]) == "nothing; a package"
    assert origins(["nothing", on[0]]) == on[0]


def test_names_may_differ_when_order_and_shapes_agree(tmp_path):
    weights = tiny_network().backbone.state_dict()
    renamed = {f"features.{n}": value for n, value in enumerate(weights.values())}
    renamed["classifier"] = torch.zeros(10)
    torch.save(renamed, tmp_path / "w.pth")
    assert same(built("tiny", 64, str(tmp_path / "w.pth")).backbone.state_dict(), weights)


def test_a_checkpoint_of_ours_is_loaded_with_its_head(tmp_path):
    whole = tiny_network().state_dict()
    torch.save({"state_dict": {f"net.{n}": v for n, v in whole.items()}}, tmp_path / "last.ckpt")
    assert same(built("tiny", 64, str(tmp_path / "last.ckpt")).state_dict(), whole)


def test_a_checkpoint_of_a_longer_net_of_ours_starts_a_shorter_one(tmp_path):
    longer = registry.architecture("efficientnet_lite0").build(64, False).state_dict()
    torch.save({"state_dict": {f"net.{n}": v for n, v in longer.items()}}, tmp_path / "last.ckpt")
    short = built("efficientnet_lite0_short", 64, str(tmp_path / "last.ckpt")).state_dict()
    taken = {name for name in short if not name.startswith("head.")}
    assert taken < set(longer)
    assert all(torch.equal(short[name], longer[name]) for name in taken)
    assert short["head.weight"].shape == (1, 192, 1, 1)


def test_a_package_that_carries_weights_is_a_start(tmp_path, monkeypatch):
    folder = tmp_path / "carries_weights"
    folder.mkdir()
    (folder / "__init__.py").touch()
    weights = tiny_network().backbone.state_dict()
    torch.save(weights, folder / "w.pth")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert same(built("tiny", 64, "carries-weights").backbone.state_dict(), weights)
    assert "of the package carries-weights" in origin("tiny", "carries-weights")
    torch.save(weights, folder / "second.pth")
    with pytest.raises(DataError, match="carries 2 files"):
        built("tiny", 64, "carries-weights")


def test_what_is_no_start_is_refused(tmp_path):
    (tmp_path / "text.pth").write_text("hello")
    torch.save({"a": torch.zeros(3)}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    for where, said in (
        ("no_such_package", "no file and no installed package"),
        (str(tmp_path / "text.pth"), "cannot be read"),
        (str(tmp_path / "other.pth"), "does not fit tiny"),
        (str(tmp_path / "list.pth"), "holds no weights"),
    ):
        with pytest.raises(DataError, match=said):
            built("tiny", 64, where)


def test_the_card_says_where_a_network_started():
    assert "ImageNet" in origin("efficientnet_lite0", True)
    assert origin("efficientnet_lite0", False) == FROM_NOTHING
    assert origin("baseline_cnn", True) == FROM_NOTHING
