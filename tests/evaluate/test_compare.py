import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the training extra is not installed")

from facetell.errors import DataError
from facetell.evaluate.compare import compare, in_common
from tests.evaluate.test_table import score, unjudged


def scored(seed, strength, count=400):
    rng = np.random.default_rng(seed)
    return [score(n, n % 2, rng.normal() + strength * (n % 2)) for n in range(count)]


def test_a_better_model_is_better_and_its_copy_is_not():
    good, poor = scored(1, 2.5), scored(2, 0.3)
    found = compare({"good": good, "poor": poor, "again": good})
    assert list(found.kinds["all fakes / all reals"]) == ["good", "poor", "again"]
    differences = {(d.one, d.other): d for d in found.differences}
    assert differences["good", "poor"].real
    assert differences["good", "poor"].auc.value > 0.2
    same = differences["good", "again"]
    assert (same.auc.value, same.auc.low, same.auc.high, same.real) == (0, 0, 0, False)
    assert found.models["good"].values["auc"].value > found.models["poor"].values["auc"].value


def test_few_pictures_tell_no_model_from_another():
    labels = [0, 1] * 5
    good, poor = (
        [score(n, label, odds * label) for n, label in enumerate(labels)] for odds in (9, -9)
    )
    (difference,) = compare({"good": good, "poor": poor}).differences
    assert (difference.auc.low > 0, difference.real) == (True, False)
    assert difference.said == "5 groups are too few to tell"


def test_the_difference_is_that_of_the_two_areas():
    one, other = scored(1, 1.0), scored(2, 0.8)
    found = compare({"one": one, "other": other})
    areas = [numbers.values["auc"].value for numbers in found.models.values()]
    assert found.differences[0].auc.value == pytest.approx(areas[0] - areas[1])


def test_a_paired_interval_is_narrower_than_two_apart():
    """Both models see the same easy and hard pictures; only a paired bootstrap knows."""
    one = scored(1, 1.0)
    rng = np.random.default_rng(9)
    nearly = [score(n, s.label, s.log_odds + 0.05 * rng.normal()) for n, s in enumerate(one)]
    found = compare({"one": one, "nearly": nearly})
    (difference,) = found.differences
    alone = found.models["one"].values["auc"]
    assert difference.auc.high - difference.auc.low < 0.3 * (alone.high - alone.low)


def test_only_what_all_of_them_judged_counts_whatever_the_order():
    one, other = scored(1, 1.0, 40), scored(2, 1.0, 40)
    other[3] = unjudged(3, 1, "no_face")
    found = compare({"one": one, "other": other[::-1]})
    assert (found.samples, found.left_out) == (39, 1)


def test_tables_without_common_samples_are_refused():
    with pytest.raises(DataError, match="in common"):
        compare({"a": scored(1, 1.0)[:10], "b": scored(1, 1.0)[10:20]})
    with pytest.raises(DataError, match="in common"):
        compare({"a": scored(1, 1.0)[::2], "b": scored(2, 1.0)[::2]})


def test_what_all_judged_comes_in_the_same_order():
    one, other = scored(1, 1.0, count=9), scored(2, 1.0, count=8)[::-1]
    aligned = in_common({"one": [*one, unjudged(20, 1, "error")], "other": other})
    paths = [score.path for score in aligned["one"]]
    assert paths == [score.path for score in aligned["other"]]
    assert set(paths) == {score.path for score in other}
