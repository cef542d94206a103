"""What a classifier that sees no pixel would score: the part of any number that the files give
away."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from facetell.data.manifest import Sample
from facetell.detect.jpeg import estimate_jpeg_quality
from facetell.errors import MissingExtra

try:
    from sklearn.ensemble import HistGradientBoostingClassifier
except ImportError as error:
    raise MissingExtra("scikit-learn", "train") from error

FEATURES = (
    "width",
    "height",
    "aspect",
    "bytes",
    "bytes per pixel",
    "JPEG quality",
    "format",
    "mode",
)


def metadata_scores(
    train: Sequence[Sample], test: Sequence[Sample], seed: int = 0
) -> npt.NDArray[np.float64]:
    """Probability of `fake` for each of `test`, by a classifier that saw only FEATURES of
    `train`."""
    classifier = HistGradientBoostingClassifier(random_state=seed)
    classifier.fit(_table(train), [sample.label for sample in train])
    probabilities: npt.NDArray[np.float64] = classifier.predict_proba(_table(test))[:, 1]
    return probabilities


def _table(samples: Sequence[Sample]) -> npt.NDArray[np.float64]:
    return np.array([_features(sample.path) for sample in samples], np.float64)


def _features(path: Path) -> list[float]:
    """One row of FEATURES; unknown values are NaN, which the classifier takes as such."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            tables = getattr(image, "quantization", None) or {}
            size = path.stat().st_size
            quality = estimate_jpeg_quality(tables[0]) if 0 in tables else np.nan
            kind = float(sum(map(ord, image.format or "")))
            mode = float(sum(map(ord, image.mode)))
            return [
                width,
                height,
                width / height,
                size,
                size / (width * height),
                quality,
                kind,
                mode,
            ]
    except (OSError, UnidentifiedImageError):
        return [np.nan] * len(FEATURES)
