"""A network that is taught by others."""

import json
import shutil

import numpy as np
import pytest
import torch

from facetell.detect.calibrate import sigmoid
from facetell.detect.crop import crop_face, to_tensor
from facetell.detect.model import Model
from facetell.errors import DataError, ModelError
from facetell.train.detector import train_detector
from facetell.train.distill import Teachers
from facetell.train.learnt import LEARNT, learnt_before, learnt_from, read_learnt
from facetell.train.loop import Machine
from facetell.train.networks import registry
from facetell.train.release import draft_card
from facetell.train.run_folder import write_facts
from tests.cli.tiny_model import tiny_card, write_tiny_model
from tests.shared import noise_image
from tests.train.tiny import drawn_cache, tiny_network, tiny_recipe

SIDE_PX = 64
CROPS = np.stack([noise_image(SIDE_PX, SIDE_PX, seed) for seed in range(4)])


@pytest.fixture(autouse=True)
def _tiny_architecture(monkeypatch):
    tiny = registry.Architecture(lambda size_px, pretrained: tiny_network().eval(), "for tests")
    monkeypatch.setitem(registry.ARCHITECTURES, "tiny", lambda: tiny)


def teacher(path, **changes):
    """A model file for the crops of `tiny_recipe`."""
    card = tiny_card(**changes)
    card["crop"] = tiny_recipe().crop.model_dump(mode="json")
    return write_tiny_model(path, json.dumps(card), SIDE_PX)


def test_a_teacher_counts_as_much_as_it_believes_in_the_label(tmp_path):
    files = [
        teacher(tmp_path / "a.onnx", intercept=3.0),
        teacher(tmp_path / "b.onnx", intercept=-2.0),
    ]
    crop = tiny_recipe().crop
    tensors = torch.from_numpy(to_tensor(CROPS, crop))
    labels = torch.tensor([0.0, 1.0, 0.0, 1.0])
    said = [m.card.calibration.log_odds(m.score(CROPS)[0]) for m in map(Model.load, files)]
    right = [sigmoid(each * (2 * labels.numpy() - 1)) for each in said]
    expected = sigmoid(np.average(said, axis=0, weights=right))
    got = Teachers(list(map(str, files)), crop).p_fake(tensors, labels).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert (got[labels == 1] > got[labels == 0]).all()


def test_a_student_learns_what_its_teacher_says_whatever_the_labels_are(tmp_path):
    cache = drawn_cache(tmp_path / "cache")
    sceptic = str(teacher(tmp_path / "sceptic.onnx", intercept=-3.0))
    told = {}
    for distilled in (0.0, 1.0):
        recipe = tiny_recipe(samples=960, ema_decay=0.9, teachers=(sceptic,), distilled=distilled)
        run = tmp_path / str(distilled)
        net = train_detector(cache, recipe, run, machine=Machine(workers=0))
        fakes = [region for region in cache.regions if region.sample.label]
        crops = [crop_face(cache.image(r), r.box_xyxy, recipe.crop, r.landmarks) for r in fakes]
        with torch.no_grad():
            logits, _ = net(torch.from_numpy(to_tensor(np.stack(crops), recipe.crop)))
        told[distilled] = float(logits.sigmoid().mean())
    assert told[0.0] > 0.4
    assert told[1.0] < 0.2


def test_what_cannot_teach_is_refused(tmp_path):
    cache = drawn_cache(tmp_path / "cache")
    card = tiny_card()
    small = write_tiny_model(tmp_path / "small.onnx", json.dumps(card), card["crop"]["size_px"])
    for file, error, match in (
        (small, DataError, "other crops"),
        (tmp_path / "none.onnx", ModelError, "cannot be read"),
    ):
        with pytest.raises(error, match=match):
            train_detector(cache, tiny_recipe(teachers=(str(file),)), tmp_path / "run")


def test_a_card_counts_what_its_teachers_have_learnt_from(tmp_path):
    files = []
    for run, seen in (("a", {"swaps": 7, "photos": 2}), ("b", {"gan": 1})):
        (tmp_path / run).mkdir()
        files.append(teacher(tmp_path / run / "model.onnx", trained_on=seen))
    recipe = tiny_recipe(teachers=tuple(map(str, files)), pretrained=False)
    card = draft_card(recipe, learnt_from(recipe, {"photos": 5}), "student")
    assert card.trained_on == {"gan": 1, "photos": 5, "swaps": 7}
    assert card.recipe["teachers"] == [
        f"model.onnx (sha256 {Model.load(file).sha256[:16]}…)" for file in files
    ]


def test_what_a_start_has_learnt_from_is_read_from_its_run(tmp_path):
    checkpoint = tmp_path / "run/checkpoints/all/last.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"weights")
    (tmp_path / "run/data.json").write_text(json.dumps({"trained_on": {"gan": 4}}))
    assert learnt_before(tiny_recipe(pretrained=str(checkpoint))) == {checkpoint: {"gan": 4}}
    assert learnt_before(tiny_recipe(pretrained=True)) == {}


def test_a_strange_file_beside_weights_is_not_taken_for_their_past(tmp_path):
    weights = tmp_path / "models/mine/w.pth"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    (tmp_path / "data.json").write_text(json.dumps({"trained_on": {"gan": 4}}))
    assert learnt_before(tiny_recipe(pretrained=str(weights))) == {}


def test_a_checkpoint_tells_what_it_learnt_from_wherever_it_lies(tmp_path):
    cache, recipe = drawn_cache(tmp_path / "cache"), tiny_recipe(samples=32, check_every=32)
    write_facts(tmp_path / "run", cache, Machine(), recipe)
    train_detector(cache, recipe, tmp_path / "run")
    copied = shutil.copy(tmp_path / "run/checkpoints/all/last.ckpt", tmp_path / "start.ckpt")
    later = tiny_recipe(pretrained=str(copied))
    assert learnt_before(later)[copied] == {"fake0": 4, "fake1": 4, "real0": 4, "real1": 4}
    told = learnt_from(later, {}).start_weights
    assert told.startswith("start.ckpt (sha256 ")
    assert "of a run); first of all from: " in told


@pytest.mark.parametrize(
    "told", ["no JSON", "[]", '{"trained_on": 4}', '{"trained_on": {"gan": ""}}']
)
def test_a_checkpoint_whose_past_was_changed_is_refused(told, tmp_path):
    checkpoint = tmp_path / "last.ckpt"
    torch.save({LEARNT: told}, checkpoint)
    with pytest.raises(DataError, match=r"last\.ckpt has learnt from cannot be read"):
        learnt_before(tiny_recipe(pretrained=str(checkpoint)))


def test_a_run_remembers_its_ancestors_though_they_are_gone(tmp_path):
    first, second = (tmp_path / name / "checkpoints/all/last.ckpt" for name in ("one", "two"))
    for checkpoint in (first, second):
        checkpoint.parent.mkdir(parents=True)
        checkpoint.write_bytes(b"weights")
    cache = drawn_cache(tmp_path / "cache")
    facts = {"trained_on": {"gan": 4}, "start_weights": "a net for ImageNet", "teachers": []}
    (tmp_path / "one/data.json").write_text(json.dumps(facts))
    recipe = tiny_recipe(pretrained=str(first))
    second.unlink()  # it has not begun yet
    told = write_facts(tmp_path / "two", cache, Machine(), recipe)
    assert told.trained_on["gan"] == 4
    assert told.start_weights.startswith("last.ckpt (sha256 ")
    assert told.start_weights.endswith("of the run one); first of all from: a net for ImageNet")
    second.write_bytes(b"weights")
    shutil.rmtree(tmp_path / "one")
    assert read_learnt(tmp_path / "two", recipe) == told
    assert write_facts(tmp_path / "two", cache, Machine(), recipe) == told
    assert learnt_before(tiny_recipe(pretrained=str(second)))[second]["gan"] == 4


def test_more_threads_than_crops_are_no_trouble(tmp_path, monkeypatch):
    teachers = Teachers([str(teacher(tmp_path / "t.onnx"))], tiny_recipe().crop)
    crops, labels = torch.zeros(2, 3, SIDE_PX, SIDE_PX), torch.ones(2)
    few = teachers.p_fake(crops, labels)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    assert torch.equal(teachers.p_fake(crops, labels), few)
