from dataclasses import replace

import pytest
import torch

from facetell.data.degrade import AUGMENTATIONS, Augmentation
from facetell.errors import DataError
from facetell.train.optimisation import SCHEDULES
from facetell.train.recipe import Recipe, read_recipe


def test_without_changes_it_is_the_shipped_recipe():
    assert read_recipe(None) == Recipe()


def test_a_file_changes_it_and_settings_come_last(tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text(
        "architecture: deep_cnn\npretrained: false\nlearning_rate: 1e-3\n"
        "augmentation: {crop_px_range: [48, 96]}\nboost: {mine: 3}\nseed: 7\n"
    )
    recipe = read_recipe(config, ["seed=8", "align=box", "augmentation.cut_out=0.5"])
    assert (recipe.architecture, recipe.pretrained, recipe.learning_rate) == (
        "deep_cnn",
        False,
        1e-3,
    )
    assert (recipe.augmentation, recipe.boost) == (
        Augmentation(crop_px_range=(48, 96), cut_out=0.5),
        {"mine": 3.0},
    )
    assert (recipe.seed, recipe.align) == (8, "box")


@pytest.mark.parametrize(
    ("settings", "every"),
    [
        ([], 8000),
        (["samples=8000"], 1000),
        (["samples=16000"], 2000),
        (["samples=800"], 1000),
        (["samples=800000"], 8000),
        (["samples=8000", "check_every=4000"], 4000),
    ],
)
def test_val_is_looked_at_several_times_in_a_short_run(tmp_path, settings, every):
    assert read_recipe(None, settings, tmp_path).check_every == every


def test_a_run_that_was_begun_looks_at_val_as_before(tmp_path):
    (tmp_path / "config.yaml").write_text("samples: 8000\ncheck_every: 8000\n")
    assert read_recipe(None, ["samples=8000"], tmp_path).check_every == 8000


def test_one_teacher_needs_no_list():
    assert read_recipe(None, ["teachers=a.onnx"]).teachers == ("a.onnx",)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("samples=many", "samples"),
        ("align=eyes", "align"),
        ("learnig_rate=1", "no learnig_rate"),
        ("seed", "--set seed"),
        ("schedule=warp", "schedule"),
        ("augmentation=heavy", "no augmentation 'heavy'"),
        ("augmentation.jpg=1", "the augmentation has no jpg"),
        ("batch_size=0", "batch_size"),
        ("learning_rate=-1", "learning_rate"),
        ("boost={a: 0}", "boost"),
        ("boost={a: .nan}", "boost"),
        ("warmup=2", "warmup"),
        ("twins=3", "twins"),
        ("thaw=-1", "thaw"),
        ("size_px=16", "size_px"),
        ("margin=99", "margin"),
        ("seed=: [", "is no YAML"),
    ],
)
def test_a_wrong_setting_is_named(setting, said):
    with pytest.raises(DataError, match=said):
        read_recipe(None, [setting])


@pytest.mark.parametrize("text", ["just words", "[1, 2", ""])
def test_a_file_that_holds_no_settings_is_refused(tmp_path, text):
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(DataError, match=r"run\.yaml"):
        read_recipe(tmp_path / "run.yaml")
    with pytest.raises(DataError, match="gone"):
        read_recipe(tmp_path / "gone.yaml")


def test_an_augmentation_may_be_named():
    assert read_recipe(None, ["augmentation=plain"]).augmentation == AUGMENTATIONS["plain"]
    changed = read_recipe(None, ["augmentation=none", "augmentation.mirrored=0.5"]).augmentation
    assert changed == replace(AUGMENTATIONS["none"], mirrored=0.5)


def test_a_run_that_trains_its_head_first_has_two_stages():
    one, two = read_recipe(None, ["head_samples=320", "samples=640", "thaw=3"]).stages
    assert (one.name, one.first, one.samples, one.thaw) == ("head", 0, 320, 0)
    assert (two.name, two.first, two.samples, two.thaw) == ("all", 320, 640, 3)
    assert [stage.name for stage in read_recipe(None).stages] == ["all"]


@pytest.mark.parametrize(
    "settings",
    [
        ("seed=-1",),
        ("augmentation.quality=[90,30]",),
        ("augmentation.quality=[0,90]",),
        ("augmentation.quality=[30,300]",),
        ("augmentation.crop_px_range=[0,64]",),
        ("twins=0.7", "blends=0.6"),
        ("margin=2.5",),
        ("margin=1.5",),
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_refused_before_anything_is_done(settings):
    with pytest.raises(DataError):
        read_recipe(None, settings)


def test_a_schedule_of_any_length_has_a_rate_for_each_step():
    for steps in (1, 2, 13, 20, 25):
        weight = torch.nn.Parameter(torch.zeros(1))
        optimizer = torch.optim.AdamW([weight], lr=0.1)
        schedule = SCHEDULES["one_cycle"](optimizer, Recipe(warmup=0.05), steps)
        for _ in range(steps - 1):
            optimizer.step()
            schedule.step()
        assert 0 < optimizer.param_groups[0]["lr"] <= 0.1
