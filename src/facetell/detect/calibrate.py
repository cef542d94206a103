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
        return np.asarray(1 / (1 + np.exp(-np.clip(self.log_odds(logit), -60, 60))), np.float32)


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
