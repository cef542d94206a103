import numpy as np
import pytest
from pydantic import ValidationError

from facetell.detect.calibrate import Calibration, Thresholds
from facetell.types import Verdict


def test_p_fake_is_the_sigmoid_of_the_log_odds():
    calibration = Calibration(slope=2, intercept=-1)
    logits = np.array([-3, 0, 0.5, 4], np.float32)
    odds = calibration.log_odds(logits)
    np.testing.assert_allclose(calibration.p_fake(logits), 1 / (1 + np.exp(-odds)), rtol=1e-6)


def test_extreme_logits_stay_probabilities():
    p = Calibration(slope=1, intercept=0).p_fake(np.array([-1e9, 1e9], np.float32))
    assert 0 <= p[0] < 1e-20
    assert p[1] == 1


def test_the_mean_of_calibrated_evidence_is_the_calibrated_logit():
    calibration = Calibration(slope=0.7, intercept=0.3)
    evidence = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)
    mean = calibration.log_odds(evidence).mean()
    assert mean == pytest.approx(float(calibration.log_odds(evidence.mean())), abs=1e-6)


@pytest.mark.parametrize(
    ("p_fake", "verdict"),
    [(0, Verdict.REAL), (0.2999, Verdict.REAL), (0.3, Verdict.UNCERTAIN),
     (0.7999, Verdict.UNCERTAIN), (0.8, Verdict.FAKE), (1, Verdict.FAKE)],
)  # fmt: skip
def test_two_thresholds_divide_three_verdicts(p_fake, verdict):
    assert Thresholds(real_below=0.3, fake_from=0.8).verdict(p_fake) is verdict


def test_crossed_thresholds_and_a_falling_calibration_are_refused():
    with pytest.raises(ValidationError, match="must not be above"):
        Thresholds(real_below=0.8, fake_from=0.3)
    with pytest.raises(ValidationError):
        Calibration(slope=-1, intercept=0)
