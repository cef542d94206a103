"""From a logit to `p_fake`, and from `p_fake` to a verdict."""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from facetell.types import FloatArray, Verdict


class Calibration(BaseModel):
    """Platt scaling (Platt 1999): p_fake = sigmoid(slope * logit + intercept), fitted on `val`
    only.

    slope is positive, so that calibrating never changes which of two faces is the more suspicious.
    """

    model_config = ConfigDict(frozen=True)

    slope: float = Field(gt=0)
    intercept: float
    fitted_on: str = ""

    def log_odds(self, logit: FloatArray) -> FloatArray:
        """The calibrated logit; works on evidence maps too, whose mean stays the log-odds."""
        return np.asarray(self.slope * logit + self.intercept, np.float32)

    def p_fake(self, logit: FloatArray) -> FloatArray:
        """logit: any shape -> probability in [0, 1], higher = more fake."""
        return sigmoid(self.log_odds(logit))


class ClipCalibration(BaseModel):
    """From the calibrated log-odds of a track's frames to those of the track.

    The mean without the extremes is robust against single bad frames. It is shrunk towards even
    odds by looks / (looks + noise), where `noise` is how much the frames of one track vary, over
    how much tracks vary; then scaled and shifted. The defaults trust the frames' own calibration.
    """

    model_config = ConfigDict(frozen=True)

    slope: float = Field(default=1.0, gt=0)
    intercept: float = 0.0
    noise: float = Field(default=0.3, ge=0)
    fitted_on: str = ""

    def log_odds(self, frames: FloatArray, looks: int) -> float:
        """frames: [N] calibrated log-odds, one or more; looks: how many of them are independent."""
        trust = looks / (looks + self.noise)
        return self.slope * trust * trimmed_mean(frames) + self.intercept


TRIM = 0.1


def trimmed_mean(values: FloatArray) -> float:
    """The mean without the lowest and the highest tenth."""
    out = int(TRIM * len(values))
    return float(np.sort(values)[out : len(values) - out].mean())


def sigmoid(log_odds: FloatArray | float) -> FloatArray:
    """Log-odds -> probability in [0, 1]."""
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -60, 60))), np.float32)


class Thresholds(BaseModel):
    """p_fake below `real_below` is real, at or above `fake_from` fake, between them uncertain."""

    model_config = ConfigDict(frozen=True)

    real_below: float = Field(ge=0, le=1)
    fake_from: float = Field(ge=0, le=1)
    fitted_on: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> "Thresholds":
        if self.real_below > self.fake_from:
            raise ValueError("real_below must not be above fake_from")
        return self

    def verdict(self, p_fake: float) -> Verdict:
        if p_fake < self.real_below:
            return Verdict.REAL
        if p_fake >= self.fake_from:
            return Verdict.FAKE
        return Verdict.UNCERTAIN
