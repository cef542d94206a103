"""The quality a JPEG was saved with, from its quantisation table."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt


def estimate_jpeg_quality(table: Sequence[int]) -> float:
    """IJG quality, 1..100, whose luminance table lies nearest to `table`.

    table: 64 values in natural (row by row) order, as Pillow's `Image.quantization` gives them.
    Exact for what libjpeg wrote; for other encoders' tables the nearest equivalent.
    Raises ValueError where there are not 64 values.
    """
    values = np.asarray(table, np.int64)
    if values.shape != (64,):
        raise ValueError("a quantisation table has 64 values")
    return float(np.abs(_ijg_tables() - values).sum(axis=1).argmin() + 1)


@cache
def _ijg_tables() -> npt.NDArray[np.int64]:
    """[100, 64] luminance tables of quality 1..100: jpeg_quality_scaling in libjpeg's jcparam.c."""
    quality = np.arange(1, 101, dtype=np.int64)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables: npt.NDArray[np.int64] = np.clip(
        (scale[:, None] * np.array(_ANNEX_K) + 50) // 100, 1, 255
    )
    return tables


# ITU-T T.81, table K.1: the standard luminance table, quality 50.
# fmt: off
_ANNEX_K = (
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)
# fmt: on
