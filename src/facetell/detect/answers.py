"""What the finder's network says of a picture, its first layers strip by strip.

At the size of a large picture, the first layers hand on hundreds of megabytes for one look, which
leave the processor's cache on their way. They see 16 rows around each, so that strips overlapping
by these give exactly what the whole would give; an eighth as fine, the rest takes the whole.
"""

from typing import Any

import numpy as np

from facetell.types import FloatArray, UInt8Array

ANSWERS = ["scores", "boxes_xyxy", "landmarks"]
STRIP_FEATURES, FEATURES = "strip_features", "features"
"""The network's first part gives the former, its second takes the latter: `train/finder.py`."""
STRIDE = 8
"""Pixels per row of features."""
STRIP_ROWS = 128
MARGIN_ROWS = 16


def answers(session: Any, pixels: UInt8Array) -> tuple[FloatArray, FloatArray, FloatArray]:
    """pixels: [H, W, 3] uint8 RGB, sides multiples of 32 -> scores [1, K], boxes_xyxy [1, K, 4] and
    landmarks [1, K, 5, 2] in pixels, a row per cell."""
    import onnxruntime

    asked_alone = onnxruntime.RunOptions()
    asked_alone.only_execute_path_to_fetches = True
    height, width, _ = pixels.shape
    channels = next(one for one in session.get_inputs() if one.name == FEATURES).shape[1]
    features = np.empty((1, channels, height // STRIDE, width // STRIDE), np.float32)
    # In the place of what a part does not look at: ONNX Runtime wants all inputs always.
    no_features = np.zeros((1, channels, 4, 4), np.float32)
    no_pixels = np.zeros((1, 3, STRIDE, STRIDE), np.float32)
    for top in range(0, height, STRIP_ROWS):
        bottom = min(height, top + STRIP_ROWS)
        first = max(0, top - MARGIN_ROWS)
        strip = pixels[first : bottom + MARGIN_ROWS].transpose(2, 0, 1)[None]
        given = {"pixels": np.ascontiguousarray(strip, np.float32), FEATURES: no_features}
        found = session.run([STRIP_FEATURES], given, asked_alone)[0]
        rows = slice((top - first) // STRIDE, (bottom - first) // STRIDE)
        features[:, :, top // STRIDE : bottom // STRIDE] = found[:, :, rows]
    given = {"pixels": no_pixels, FEATURES: features}
    scores, boxes, landmarks = session.run(ANSWERS, given, asked_alone)
    return scores, boxes, landmarks
