"""What a classifier that sees no pixel would score: the part of any number that the files give
away."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from facetell.data.manifest import Sample
from facetell.detect.jpeg import estimate_jpeg_quality
from facetell.errors import MissingExtra

try:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from threadpoolctl import threadpool_limits
except ImportError as error:
    raise MissingExtra("scikit-learn", "train") from error

Table = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
FEATURES = (
    "width",
    "height",
    "aspect",
    "bytes",
    "bytes per pixel",
    "JPEG quality",
    "chroma subsampling",
    "format",
    "mode",
    "greyscale",
)
UNKNOWN = -1.0
"""What no feature can be. Not NaN: the classifier refuses a column of nothing else, as of PNGs."""
FOLDS = 5
SEED = 0
USUAL_LEAF = 20
SMALL_TABLE = 20_000
"""Rows below which several threads only wait for each other."""


def metadata_scores(
    train: Sequence[Sample], test: Sequence[Sample]
) -> npt.NDArray[np.float64] | None:
    """Probability of `fake` for each of `test`, by a classifier that saw only FEATURES of
    `train`; None where `train` has fewer than FOLDS of a label, of which nothing can be learnt."""
    labels = [sample.label for sample in train]
    if min(labels.count(0), labels.count(1)) < FOLDS:
        return None
    classifier = _classifier(len(train))
    with _threads(len(train)):
        classifier.fit(_table(train), labels)
        probabilities: npt.NDArray[np.float64] = classifier.predict_proba(_table(test))[:, 1]
    return probabilities


def cross_validated(
    table: Table, labels: Labels, groups: Sequence[str]
) -> npt.NDArray[np.float64] | None:
    """What the classifier says [N] of rows that it was not trained on; no group is on both sides.
    None where a label has fewer than FOLDS groups.

    table: [N, len(FEATURES)]; labels: [N] of 0 and 1.
    """
    held = set(zip(groups, labels.tolist(), strict=True))
    if min(sum(label == which for _, label in held) for which in (0, 1)) < FOLDS:
        return None
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    classifier = _classifier(len(table))
    with _threads(len(table)):
        guesses: npt.NDArray[np.float64] = cross_val_predict(
            classifier, table, labels, groups=groups, cv=folds, method="predict_proba"
        )
    return guesses[:, 1]


def feature_aucs(table: Table, labels: Labels) -> dict[str, float]:
    """AUC of each feature alone, by its value or its absence, whichever way round: 0.5 to 1."""
    alone = {}
    for name, column in zip(FEATURES, table.T, strict=True):
        value = float(roc_auc_score(labels, column))
        alone[name] = round(max(value, 1 - value), 4)
    return alone


def _classifier(rows: int) -> HistGradientBoostingClassifier:
    """Its leaves hold 20 rows by default: of fewer than 40 it would learn nothing at all, and call
    a leak none."""
    return HistGradientBoostingClassifier(
        min_samples_leaf=min(USUAL_LEAF, max(1, rows // USUAL_LEAF)), random_state=SEED
    )


def _threads(rows: int) -> threadpool_limits:
    return threadpool_limits(1 if rows < SMALL_TABLE else None)


def _table(samples: Sequence[Sample]) -> Table:
    return np.array([features(sample.path) for sample in samples], np.float64)


def features(path: Path) -> list[float]:
    """One row of FEATURES, UNKNOWN where the file does not say."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            tables = getattr(image, "quantization", None) or {}
            size = path.stat().st_size
            return [
                width,
                height,
                width / height,
                size,
                size / (width * height),
                estimate_jpeg_quality(tables[0]) if 0 in tables else UNKNOWN,
                _subsampling(image),
                float(sum(map(ord, image.format or ""))),
                float(sum(map(ord, image.mode))),
                _is_grey(image),
            ]
    # Pillow's readers of damaged and of hostile files raise many kinds of errors.
    except Exception:
        return [UNKNOWN] * len(FEATURES)


def _subsampling(image: Image.Image) -> float:
    """How many luminance samples share a chroma sample in a JPEG: 1, 2 or 4."""
    layers = getattr(image, "layer", None)
    if not layers or len(layers) < 2:
        return UNKNOWN
    return float(layers[0][1] * layers[0][2]) / float(layers[1][1] * layers[1][2])


def _is_grey(image: Image.Image) -> float:
    image.draft("RGB", (32, 32))  # a JPEG is decoded at an eighth of its size
    pixels = np.asarray(image.convert("RGB").resize((32, 32)), np.int16)
    return float(np.ptp(pixels, axis=2).max() < 16)
