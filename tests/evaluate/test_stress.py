import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the training extra is not installed")

from facetell.evaluate.numbers import numbers
from facetell.evaluate.report import write_stress
from facetell.evaluate.stress import UNTREATED, Dose, hardship, levels
from tests.evaluate.test_compare import scored
from tests.evaluate.test_table import drawn, score
from tests.shared import noise_image

IMAGE = noise_image(90, 120)


def treated(kind):
    return [(level.level, level.treat(IMAGE)) for level in levels() if level.kind == kind]


def test_the_first_level_leaves_pictures_as_they_are():
    first = levels()[0]
    assert (first.kind, first.level) == (UNTREATED, "")
    np.testing.assert_array_equal(first.treat(IMAGE), IMAGE)


@pytest.mark.parametrize("level", levels()[1:], ids=lambda level: f"{level.kind} {level.level}")
def test_every_treatment_gives_a_picture_and_changes_it(level):
    before = IMAGE.copy()
    once, again = level.treat(IMAGE), level.treat(IMAGE)
    assert once.dtype == np.uint8
    assert once.ndim == 3
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(IMAGE, before)
    assert once.shape != IMAGE.shape or (once != IMAGE).any()


@pytest.mark.parametrize(
    "kind", ["JPEG quality", "WebP quality", "blur, pixels", "noise, of 255", "darker"]
)
def test_later_levels_hurt_more(kind):
    errors = [np.abs(image.astype(int) - IMAGE).mean() for _, image in treated(kind)]
    assert errors == sorted(errors)
    assert errors[0] < errors[-1]


def test_scaling_and_cutting_give_the_sizes_they_name():
    assert {image.shape[:2] for _, image in treated("scaled down and up again")} == {(90, 120)}
    assert [image.shape[:2] for _, image in treated("scaled to")] == [(68, 90), (45, 60), (22, 30)]
    assert dict(treated("cut at two sides"))["10%"].shape == (81, 108, 3)


def test_a_row_of_the_card_says_what_was_measured():
    row = hardship("JPEG quality", "90", numbers(drawn()), "val")
    assert (row.kind, row.level, row.split, row.pictures) == ("JPEG quality", "90", "val", 11)
    assert row.unjudged == 2
    assert row.uncertain == pytest.approx(2 / 11, abs=1e-4)
    assert hardship("JPEG quality", "90", numbers([score(1, 0, 0.0)]), "val") is None


def test_no_dose_leaves_a_picture_as_it_is():
    np.testing.assert_array_equal(Dose().treat(IMAGE), IMAGE)


@pytest.mark.parametrize(
    "dose", [Dose(scale=0.5), Dose(blur_px=2), Dose(noise=10), Dose(jpeg_quality=20)], ids=str
)
def test_every_dose_changes_a_picture_always_in_the_same_way(dose):
    once = dose.treat(IMAGE)
    np.testing.assert_array_equal(once, dose.treat(IMAGE))
    assert once.shape != IMAGE.shape or (once != IMAGE).any()


def test_a_dose_is_scaled_blurred_made_noisy_and_compressed_in_this_order():
    dose = Dose(scale=0.5, blur_px=1, noise=5, jpeg_quality=50)
    image = IMAGE
    for step in (Dose(scale=0.5), Dose(blur_px=1), Dose(noise=5), Dose(jpeg_quality=50)):
        image = step.treat(image)
    np.testing.assert_array_equal(dose.treat(IMAGE), image)


def test_a_page_is_written_whatever_the_model_is_called(tmp_path):
    write("old\udcff", [drawn(), drawn()], tmp_path)
    assert "old\\udcff" in (tmp_path / "report.html").read_text("utf-8")


def write(name, tables, folder):
    found = [numbers(scores) for scores in tables]
    rows = [hardship("a", str(n), one, "val") for n, one in enumerate(found)]
    aucs = [one.values["auc"] for one in found]
    write_stress(name, rows, aucs, folder)
    return aucs


def test_a_fall_is_told_with_intervals_and_where_it_may_be_chance(tmp_path):
    for count, of_chance in ((6, True), (400, False)):
        before, after = scored(0, 3.0, count=count), scored(1, -3.0, count=count)
        aucs = write("old", [before, after], tmp_path)
        page = (tmp_path / "report.html").read_text("utf-8")
        assert f"the AUC falls from {aucs[0]} to {aucs[1]}" in page
        assert ("May be chance" in page) == of_chance
        assert ('class="warn"><strong>a 1' in page) != of_chance
        assert str(aucs[1]) in (tmp_path / "table.md").read_text("utf-8")
