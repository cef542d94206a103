"""Regions of a crop cache as crops, and what models say of them, without finding faces again."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from facetell.data.crops import CachedRegion, CropCache
from facetell.data.degrade import TIERS
from facetell.detect.calibrate import Calibration
from facetell.detect.crop import CropSpec, crop_face
from facetell.evaluate.comparisons import comparisons, members
from facetell.evaluate.metrics import auc
from facetell.evaluate.score import Score, unjudged
from facetell.types import FloatArray, Status, UInt8Array


def crops_of(
    cache: CropCache, regions: Sequence[CachedRegion], tier: str, spec: CropSpec
) -> UInt8Array:
    """[N, H, W, 3] uint8 RGB, degraded as `tier` says."""
    return np.stack(
        [crop_face(TIERS[tier](cache.image(r)), r.box_xyxy, spec, r.landmarks) for r in regions]
    )


def judged(
    regions: Sequence[CachedRegion], logits: FloatArray, calibration: Calibration
) -> list[Score]:
    """One row per crop, tier web."""
    return [
        replace(unjudged(r.sample, "web"), status=Status.OK, log_odds=float(odds), p_fake=float(p))
        for r, odds, p in zip(
            regions, calibration.log_odds(logits), calibration.p_fake(logits), strict=True
        )
    ]


def aucs(rows: Sequence[Score]) -> dict[str, float]:
    """By comparison."""
    found = {}
    for comparison in comparisons(rows):
        chosen = members(comparison, rows)
        labels = np.array([row.label for row in chosen])
        found[comparison.name] = auc(labels, np.array([row.log_odds for row in chosen])) or np.nan
    return found
