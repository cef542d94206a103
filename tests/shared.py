"""What several tests draw on: faces drawn in code, and where the real files lie."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from facetell.types import UInt8Array

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples" / "pictures"
SHARED = ROOT.parent / "shared"

needs_shared = pytest.mark.skipif(
    not (SHARED / "faces" / "manifest.csv").exists(),
    reason="the research pictures in ../shared are not part of a clone",
)


def noise_image(height: int, width: int, seed: int = 0) -> UInt8Array:
    """[height, width, 3] uint8: structure at every scale, and no two places alike."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 9, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    grain = rng.normal(0, 12, (height, width, 3))
    return (smooth + grain).round().clip(0, 255).astype(np.uint8)


def drawn_face(size: int = 128, seed: int = 0) -> UInt8Array:
    """A crude face on a ground: enough to be cut, blended and compressed, not to be found."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(noise_image(size, size, seed))
    pen = ImageDraw.Draw(image)
    skin = tuple(int(v) for v in rng.integers(120, 220, 3))
    s = size / 128
    pen.ellipse([30 * s, 20 * s, 98 * s, 112 * s], fill=skin)
    for x in (50, 78):
        pen.ellipse([(x - 6) * s, 50 * s, (x + 6) * s, 60 * s], fill="white")
        pen.ellipse([(x - 2) * s, 53 * s, (x + 2) * s, 58 * s], fill="black")
    pen.arc([48 * s, 75 * s, 80 * s, 98 * s], 20, 160, fill="darkred", width=max(1, int(3 * s)))
    return np.asarray(image)


DRAWN_LANDMARKS = np.array([[50, 55], [78, 55], [64, 70], [52, 92], [76, 92]], np.float32)
"""Of `drawn_face(128)`."""
