"""Draw the evidence: where in a face the signs are that made the score.

The map's mean is the log-odds of the verdict, so the picture is the decision and not a story about
it. Orange speaks for fake, blue for real (told apart with any colour vision); strength is opacity.
"""

import numpy as np
from PIL import Image

from facetell.types import FloatArray, UInt8Array

FAKE_RGB = (230, 97, 1)
REAL_RGB = (33, 102, 172)
FULL_STRENGTH = 6.0
"""Log-odds at which a cell is drawn with MAX_OPACITY; the same in every picture, so that two
compare."""
MAX_OPACITY = 0.7
_FAKE, _REAL = (np.array(rgb, np.float32) for rgb in (FAKE_RGB, REAL_RGB))


def draw_evidence(crop: UInt8Array, log_odds: FloatArray) -> UInt8Array:
    """Lay an evidence map over its crop.

    crop: [H, W, 3] uint8 RGB; log_odds: [h, w], calibrated, > 0 speaks for fake.
    Returns [H, W, 3] uint8 RGB.
    """
    height, width = crop.shape[:2]
    smooth = np.asarray(
        Image.fromarray(np.asarray(log_odds, np.float32)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
    )
    opacity = (np.abs(smooth) / FULL_STRENGTH).clip(0, 1)[..., None] * MAX_OPACITY
    colour = np.where(smooth[..., None] > 0, _FAKE, _REAL)
    base = np.asarray(Image.fromarray(crop).convert("L"), np.float32)[..., None]
    drawn = base * (1 - opacity) + colour * opacity
    return np.asarray(drawn.round().clip(0, 255), np.uint8)


def draw_importance(crop: UInt8Array, importance: FloatArray, *, fake: bool) -> UInt8Array:
    """Lay a map of a kind without units, such as Grad-CAM++, over its crop: up to its own maximum,
    in the colour of the side that it speaks for.

    crop: [H, W, 3] uint8 RGB; importance: [h, w], >= 0. Returns [H, W, 3] uint8 RGB.
    """
    strength = importance / max(float(importance.max()), 1e-9) * FULL_STRENGTH
    return draw_evidence(crop, strength if fake else -strength)
