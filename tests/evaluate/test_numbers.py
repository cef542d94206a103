from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the training extra is not installed")

from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score, recall_score

from facetell.evaluate.numbers import NAMES, OF_THE_SCORE, numbers
from tests.evaluate.test_table import drawn, score, unjudged


def value(found, name):
    return found.values[name].value


def test_decisions_agree_with_scikit_learn():
    rows = [row for row in drawn() if row.status == "ok"]
    truth = np.array([row.label == 1 for row in rows])
    called = np.array([row.verdict == "fake" for row in rows])
    found = numbers(rows)
    assert value(found, "fake_recall") == pytest.approx(recall_score(truth, called))
    assert value(found, "real_accuracy") == pytest.approx(recall_score(~truth, ~called))
    assert value(found, "precision") == pytest.approx(precision_score(truth, called))
    assert value(found, "f1") == pytest.approx(f1_score(truth, called))
    assert value(found, "balanced_accuracy") == pytest.approx(
        balanced_accuracy_score(truth, called)
    )
    assert value(found, "accuracy") == pytest.approx((truth == called).mean())


def test_three_ways_are_counted_and_the_decided_apart():
    found = numbers(drawn())
    assert (found.reals, found.fakes) == (5, 6)
    assert found.unjudged == {"error": 1, "no_face": 1}
    assert found.matrix == [[3, 1, 1], [1, 1, 4]]
    assert value(found, "coverage") == pytest.approx(9 / 11)
    assert value(found, "right_of_decided") == pytest.approx(7 / 9)


def test_what_is_said_of_the_decided_is_known_from_the_decided_alone():
    decided = [score(0, 0, -9), score(1, 1, 9), score(2, 1, 9)]
    unsure = [score(number, number % 2, 0) for number in range(10, 400)]
    found = numbers(decided + unsure).values
    assert found["right_of_decided"].low == pytest.approx(0.025 ** (1 / 3))
    assert found["precision"].low == pytest.approx(0.025 ** (1 / 2))
    assert found["f1"].high > 0.5
    assert found["coverage"].high < 0.05


def test_what_is_not_defined_says_so():
    only_reals = numbers([score(n, 0, -2.0) for n in range(4)])
    assert only_reals.values["auc"] is None
    assert only_reals.values["fake_recall"] is None
    assert only_reals.values["precision"] is None
    assert value(only_reals, "real_accuracy") == 1
    nothing = numbers([unjudged(1, 0, "error")])
    assert set(nothing.values) == set(NAMES)
    assert not any(nothing.values.values())
    assert (nothing.ece, nothing.brier, nothing.log_loss) == (None, None, None)
    assert nothing.as_json()["auc"] is None


def test_where_no_fake_is_caught_f1_is_zero_as_scikit_learn_has_it():
    rows = [score(n, 1, -2.0) for n in range(6)] + [score(9 + n, 0, 3.0) for n in range(2)]
    assert value(numbers(rows), "f1") == f1_score([1] * 6 + [0] * 2, [0] * 6 + [1] * 2) == 0
    few = numbers([score(n, 1, 3.0 if n < 2 else -2.0) for n in range(60)])
    assert few.values["f1"].low == 0  # many draws hold neither of the two that are caught


def test_rows_without_a_verdict_have_no_decisions():
    """As those of a study of kinds left out, whose networks are not calibrated."""
    found = numbers([replace(row, verdict=None) for row in drawn()])
    assert value(found, "auc") == value(numbers(drawn()), "auc")
    named = {name for name, interval in found.values.items() if interval is not None}
    assert named == OF_THE_SCORE


def test_a_random_scorer_may_be_chance_and_a_good_one_is_not():
    rng = np.random.default_rng(0)
    random = [score(n, n % 2, rng.normal()) for n in range(400)]
    good = [score(n, n % 2, rng.normal() + 3 * (n % 2)) for n in range(400)]
    assert 0.4 < value(numbers(random), "auc") < 0.6
    assert numbers(random).may_be_chance
    assert not numbers(good).may_be_chance


def test_what_few_fakes_hide_widens_what_is_said_of_fakes_alone():
    rows = [score(n, int(n < 3), 9.0 if n < 3 else -9.0) for n in range(60)]
    found = numbers(rows).values
    assert found["fake_recall"].low == pytest.approx(0.025 ** (1 / 3))
    assert found["real_accuracy"].low == pytest.approx(0.025 ** (1 / 57))
    assert numbers(rows[3:]).values["real_accuracy"].value == 1


def test_a_share_of_what_is_not_there_has_an_interval_too():
    found = numbers([score(n, 0, 9.0) for n in range(5)]).values["precision"]
    assert (found.low, found.value) == (0, 0)
    assert found.high > 0.9


def test_pictures_of_one_group_make_wider_intervals():
    rng = np.random.default_rng(0)
    rows = [score(n, n % 2, rng.normal() + n % 2) for n in range(40)]
    copies = [row for row in rows for _ in range(10)]
    apart = numbers([score(k, row.label, row.log_odds) for k, row in enumerate(copies)])
    together = numbers(copies)
    wide = [found.values["auc"].high - found.values["auc"].low for found in (together, apart)]
    assert wide[0] > 2 * wide[1]
