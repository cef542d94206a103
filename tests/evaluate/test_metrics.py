import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the training extra is not installed")

from scipy.stats import beta
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as reference_log_loss

from facetell.errors import DataError
from facetell.evaluate.calibration import fit_calibration, fit_thresholds
from facetell.evaluate.metrics import (
    Ranking,
    area,
    auc,
    auc_with_interval,
    average_precision,
    brier,
    caught_at,
    equal_error_rate,
    evenly,
    expected_calibration_error,
    log_loss,
)

rng = np.random.default_rng(3)
LABELS = rng.integers(0, 2, 300)
SCORES = LABELS * 1.2 + rng.normal(size=300)


def test_auc_is_the_share_of_pairs_in_the_right_order():
    fakes, reals = SCORES[LABELS == 1], SCORES[LABELS == 0]
    pairs = (fakes[:, None] > reals[None, :]).mean() + (fakes[:, None] == reals[None, :]).mean() / 2
    assert auc(LABELS, SCORES) == pytest.approx(pairs)


def test_auc_of_one_label_is_undefined_not_half():
    assert auc(np.ones(4, int), np.arange(4.0)) is None
    assert auc_with_interval(np.ones(4, int), np.arange(4.0), list("abcd")) is None


def test_an_interval_holds_its_value_and_repeats_with_its_seed():
    groups = [str(n) for n in range(300)]
    one = auc_with_interval(LABELS, SCORES, groups)
    assert one.low < one.value < one.high
    assert one == auc_with_interval(LABELS, SCORES, groups)


def test_a_bootstrap_interval_agrees_with_hanley_and_mcneil():
    """Hanley & McNeil 1982, the analytic standard error of an AUC."""
    interval = auc_with_interval(LABELS, SCORES, [str(n) for n in range(300)])
    a, n1, n0 = interval.value, (LABELS == 1).sum(), (LABELS == 0).sum()
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    error = np.sqrt((a * (1 - a) + (n1 - 1) * (q1 - a * a) + (n0 - 1) * (q2 - a * a)) / (n1 * n0))
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.25)


@pytest.mark.parametrize("fakes", [1, 3, 12, 30])
def test_groups_all_told_right_do_not_prove_that_all_will_be(fakes):
    """Clopper & Pearson 1934 for as many of as many."""
    labels = np.array([1] * fakes + [0] * 100)
    groups = [str(n) for n in range(len(labels))]
    interval = auc_with_interval(labels, labels * 2.0, groups)
    assert (interval.value, interval.high) == (1, 1)
    assert interval.low == pytest.approx(beta.ppf(0.025, fakes, 1))


def test_ten_pictures_of_one_person_are_one_group():
    labels = np.array([1] * 10 + [0] * 100)
    groups = ["one"] * 10 + [str(n) for n in range(100)]
    assert auc_with_interval(labels, labels * 2.0, groups).low == pytest.approx(0.025)


def test_pictures_of_one_group_are_drawn_together():
    copies = np.repeat(np.arange(30), 10)
    labels, scores = np.repeat(LABELS[:30], 10), np.repeat(SCORES[:30], 10)
    apart = auc_with_interval(labels, scores, [str(n) for n in range(300)])
    together = auc_with_interval(labels, scores, [str(n) for n in copies])
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_calibration_error_of_a_constant_guess_is_its_distance_from_the_truth():
    labels = np.array([1, 0, 0, 0])
    assert expected_calibration_error(labels, np.full(4, 0.25)) == pytest.approx(0)
    assert expected_calibration_error(labels, np.full(4, 0.9)) == pytest.approx(0.65)
    assert expected_calibration_error(labels, np.full(4, 0.5), evenly(labels)) == pytest.approx(0)
    assert expected_calibration_error(labels, np.full(4, 0.9), evenly(labels)) == pytest.approx(0.4)


def test_platt_scaling_finds_the_line_that_made_the_labels():
    logits = rng.normal(size=20_000) * 3
    labels = (rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits + 0)))).astype(int)
    fit = fit_calibration(labels, logits, "drawn")
    assert fit.slope == pytest.approx(0.5, abs=0.03)
    assert fit.intercept == pytest.approx(0, abs=0.06)


def test_a_model_that_ranks_the_wrong_way_is_refused():
    with pytest.raises(DataError, match="reals above fakes"):
        fit_calibration(LABELS, -SCORES, "drawn")


@pytest.mark.parametrize("labels", [[], [0, 0], [1, 1]])
def test_what_lacks_a_label_calibrates_nothing_and_says_so(labels):
    with pytest.raises(DataError, match="both labels"):
        fit_calibration(np.array(labels, int), np.arange(len(labels), dtype=float), "drawn")


def test_precision_is_one_where_nothing_is_flagged_in_a_draw():
    weights = np.array([0.0, 1, 1, 1])  # the most suspicious one is not drawn
    curve = Ranking(np.array([1, 1, 0, 0]), np.array([4.0, 3, 2, 1])).curve(weights)
    assert curve.precision.tolist() == pytest.approx([1, 1, 1, 1 / 2, 1 / 3])


def test_thresholds_keep_what_they_promise_on_the_data_they_saw():
    real, fake = rng.beta(2, 6, 1000), rng.beta(5, 3, 1000)
    fitted = fit_thresholds(real, fake, false_alarms=0.01, misses=0.05, fitted_on="drawn")
    assert (real >= fitted.fake_from).mean() <= 0.01
    assert (fake < fitted.real_below).mean() <= 0.05
    assert fitted.real_below < fitted.fake_from


def test_where_all_are_told_apart_what_nobody_has_seen_is_uncertain():
    fitted = fit_thresholds(
        np.linspace(0, 0.1, 100), np.linspace(0.9, 1, 100),
        false_alarms=0.01, misses=0.05, fitted_on="drawn",
    )  # fmt: skip
    assert (fitted.real_below, fitted.fake_from) == pytest.approx((0.1, 0.904), abs=0.002)


@pytest.mark.parametrize("shift", [-0.4, 0.0, 0.4])
def test_more_likely_real_is_never_called_fake_nor_the_other_way_round(shift):
    real, fake = (rng.beta(*shape, 500) for shape in ((2, 6), (5, 3)))
    moved = [np.clip(p + shift, 0, 1) for p in (real, fake)]
    fitted = fit_thresholds(*moved, false_alarms=0.01, misses=0.05, fitted_on="drawn")
    assert fitted.real_below <= 0.5 <= fitted.fake_from


TIED = np.round(SCORES, 1)


@pytest.mark.parametrize("scores", [SCORES, TIED], ids=["distinct", "tied"])
@pytest.mark.parametrize("weighted", [False, True])
def test_areas_agree_with_scikit_learn(scores, weighted):
    weights = np.random.default_rng(1).integers(0, 4, 300).astype(float) if weighted else None
    curve = Ranking(LABELS, scores).curve(weights)
    reference = {"sample_weight": weights}
    assert area(curve) == pytest.approx(roc_auc_score(LABELS, scores, **reference))
    assert average_precision(curve) == pytest.approx(
        average_precision_score(LABELS, scores, **reference)
    )


@pytest.mark.parametrize("scores", [SCORES, TIED], ids=["distinct", "tied"])
def test_operating_points_agree_with_trying_every_threshold(scores):
    curve = Ranking(LABELS, scores).curve()
    points = [
        ((scores[LABELS == 0] >= t).mean(), (scores[LABELS == 1] >= t).mean())
        for t in [np.inf, *np.unique(scores)[::-1]]
    ]
    for limit in (0.0, 0.005, 0.01, 0.2, 1.0):
        assert caught_at(curve, limit) == max(
            caught for alarms, caught in points if alarms <= limit
        )
    nearest = min(points, key=lambda point: abs(point[0] - (1 - point[1])))
    assert equal_error_rate(curve) == pytest.approx((nearest[0] + 1 - nearest[1]) / 2, abs=0.01)


def test_probabilities_are_scored_as_scikit_learn_does():
    p_fake = 1 / (1 + np.exp(-SCORES))
    assert brier(LABELS, p_fake) == pytest.approx(brier_score_loss(LABELS, p_fake))
    assert log_loss(LABELS, p_fake) == pytest.approx(reference_log_loss(LABELS, p_fake))
    assert log_loss(np.array([1]), np.array([0.0])) < 20


def test_a_random_scorer_is_near_one_half():
    chance = np.random.default_rng(5)
    found = auc_with_interval(
        chance.integers(0, 2, 2000), chance.normal(size=2000), [str(n) for n in range(2000)]
    )
    assert 0.45 < found.value < 0.55
    assert found.low < 0.5 < found.high
