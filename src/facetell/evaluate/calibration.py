"""Fit calibration and thresholds; for validation data only."""

import numpy as np

from facetell.detect.calibrate import Calibration, Thresholds
from facetell.errors import DataError, MissingExtra
from facetell.evaluate.metrics import Labels, Scores

try:
    from sklearn.linear_model import LogisticRegression
except ImportError as error:
    raise MissingExtra("scikit-learn", "train") from error


def fit_calibration(labels: Labels, logits: Scores, fitted_on: str) -> Calibration:
    """Platt scaling, with real and fake weighing the same: p_fake assumes as many fakes as reals.

    Raises DataError when the logits do not rank fakes above reals, which no calibration mends.
    """
    fit = LogisticRegression(C=np.inf, class_weight="balanced").fit(logits[:, None], labels)
    slope = float(fit.coef_[0, 0])
    if slope <= 0:
        raise DataError(
            "on the validation data the model ranks reals above fakes",
            hint="train longer, or look for swapped labels",
        )
    return Calibration(slope=slope, intercept=float(fit.intercept_[0]), fitted_on=fitted_on)


def fit_thresholds(
    real_p_fake: Scores,
    fake_p_fake: Scores,
    *,
    false_alarms: float,
    misses: float,
    fitted_on: str,
) -> Thresholds:
    """`fake_from`: at most `false_alarms` of the reals reach it. `real_below`: at most `misses` of
    the fakes lie below it, and it is never above an even chance: more likely fake than not is no
    "real". Where the two cross, nothing is uncertain and the false alarms decide."""
    fake_from = min(1.0, float(np.quantile(real_p_fake, 1 - false_alarms, method="higher")) + 1e-6)
    real_below = float(np.quantile(fake_p_fake, misses, method="lower"))
    return Thresholds(
        real_below=min(real_below, fake_from, 0.5), fake_from=fake_from, fitted_on=fitted_on
    )
