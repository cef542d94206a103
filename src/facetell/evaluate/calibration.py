"""Fit calibration and thresholds; for validation data only."""

import numpy as np

from facetell.detect.calibrate import Calibration, ClipCalibration, Thresholds
from facetell.errors import DataError, MissingExtra
from facetell.evaluate.metrics import Labels, Scores

try:
    from sklearn.linear_model import LogisticRegression
except ImportError as error:
    raise MissingExtra("scikit-learn", "train") from error


def fit_calibration(labels: Labels, logits: Scores, fitted_on: str) -> Calibration:
    """Platt scaling, with real and fake weighing the same: p_fake assumes as many fakes as reals.

    Raises DataError when a label is missing, and when the logits do not rank fakes above reals,
    which no calibration mends.
    """
    if set(labels.tolist()) != {0, 1}:
        raise DataError(
            "the validation data hold no judged pictures of both labels",
            hint="a model is calibrated on real and on fake faces: facetell data split makes a val "
            "split that has both",
        )
    fit = LogisticRegression(C=np.inf, class_weight="balanced").fit(logits[:, None], labels)
    slope = float(fit.coef_[0, 0])
    if slope <= 0:
        raise DataError(
            "on the validation data the model ranks reals above fakes",
            hint="train longer, or look for swapped labels",
        )
    return Calibration(slope=slope, intercept=float(fit.intercept_[0]), fitted_on=fitted_on)


SLOPE_SD, INTERCEPT_SD = 0.5, 1.0


def fit_clip_calibration(
    labels: Labels, log_odds: Scores, noise: float, fitted_on: str
) -> ClipCalibration:
    """How the log-odds of clips are to be scaled and shifted, real and fake weighing the same.

    Clips are few, so the frames' own calibration (slope 1, intercept 0) is what the fit starts from
    and is held to: normal priors around it, with SLOPE_SD and INTERCEPT_SD.
    log_odds: by a calibration with that noise, slope 1 and intercept 0.
    """
    share = np.where(labels == 1, (labels == 1).sum(), (labels == 0).sum())
    weights = len(labels) / 2 / share
    inputs = np.stack([log_odds, np.ones_like(log_odds)], axis=1)
    start = np.array([1.0, 0.0])
    precision = np.diag([SLOPE_SD**-2, INTERCEPT_SD**-2])

    def loss(values: Scores) -> float:
        odds, away = inputs @ values, values - start
        return float(
            weights @ (np.logaddexp(0, odds) - labels * odds) + away @ precision @ away / 2
        )

    found = start
    for _ in range(50):  # Newton's method, with steps short enough never to climb
        p = (1 + np.tanh(inputs @ found / 2)) / 2
        slope = inputs.T @ (weights * (p - labels)) + precision @ (found - start)
        curvature = (inputs * (weights * p * (1 - p))[:, None]).T @ inputs + precision
        step = np.linalg.solve(curvature, slope)
        while loss(found - step) > loss(found) and np.abs(step).max() > 1e-9:
            step = step / 2
        found = found - step
    return ClipCalibration(
        slope=max(0.05, float(found[0])),
        intercept=float(found[1]),
        noise=noise,
        fitted_on=fitted_on,
    )


def fit_thresholds(
    real_p_fake: Scores,
    fake_p_fake: Scores,
    *,
    false_alarms: float,
    misses: float,
    fitted_on: str,
) -> Thresholds:
    """`fake_from`: at most `false_alarms` of the reals reach it. `real_below`: at most `misses` of
    the fakes lie below it. Where nearly all reals lie below nearly all fakes, what lies between
    them, which nobody has seen, is uncertain. More likely fake than not is never called real, and
    the other way round."""
    reals_end = min(1.0, float(np.quantile(real_p_fake, 1 - false_alarms, method="higher")) + 1e-6)
    fakes_begin = float(np.quantile(fake_p_fake, misses, method="lower"))
    return Thresholds(
        real_below=min(reals_end, fakes_begin, 0.5),
        fake_from=max(reals_end, fakes_begin, 0.5),
        fitted_on=fitted_on,
    )
