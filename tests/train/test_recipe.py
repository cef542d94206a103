import pytest

from facetell.errors import DataError
from facetell.train.recipe import Recipe, read_recipe


def test_without_changes_it_is_the_shipped_recipe():
    assert read_recipe(None) == Recipe()


def test_a_file_changes_it_and_settings_come_last(tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text(
        "architecture: deep_cnn\npretrained: false\nlearning_rate: 1e-3\n"
        "crop_px_range: [48, 96]\nboost: {mine: 3}\nseed: 7\n"
    )
    recipe = read_recipe(config, ["seed=8", "align=box"])
    assert (recipe.architecture, recipe.pretrained, recipe.learning_rate) == (
        "deep_cnn",
        False,
        1e-3,
    )
    assert (recipe.crop_px_range, recipe.boost) == ((48, 96), {"mine": 3.0})
    assert (recipe.seed, recipe.align) == (8, "box")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("samples=many", "samples"),
        ("align=eyes", "align"),
        ("learnig_rate=1", "no learnig_rate"),
        ("seed", "--set seed"),
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
