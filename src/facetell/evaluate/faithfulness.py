"""Does a picture of the reasons show the reasons? Take away what it marks, and see.

Deletion and insertion (Petsiuk et al. 2018, https://arxiv.org/abs/1806.07421): the parts of a crop
that a map holds for important are blurred away first, or brought back first into a blurred crop.
Where the map is right, the decision falls fast and comes back fast.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from facetell.detect.model import Model
from facetell.types import FloatArray, UInt8Array

CELLS = 12  # a side: squares that are blurred at once
STEPS = 18
BLUR = 1 / 8  # of the crop's side
RANDOM_ORDERS = 5


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """share: [STEPS + 1] of the crop, 0 to 1. deleted, inserted: [STEPS + 1] probability of the
    decision when so much of the crop, the most important first, is blurred or sharp."""

    share: FloatArray
    deleted: FloatArray
    inserted: FloatArray

    @property
    def deletion(self) -> float:
        """Area under `deleted`, 0 to 1; small is good."""
        return float(np.trapezoid(self.deleted, self.share))

    @property
    def insertion(self) -> float:
        """Area under `inserted`, 0 to 1; large is good."""
        return float(np.trapezoid(self.inserted, self.share))

    @property
    def gain(self) -> float:
        """Insertion less deletion: what the map's order is worth. By chance it is about 0."""
        return self.insertion - self.deletion


def faithfulness(model: Model, crop: UInt8Array, importance: FloatArray) -> Faithfulness:
    """How well a map finds what the model's decision hangs on.

    crop: [S, S, 3] uint8 RGB, as the model takes it. importance: [h, w], of any size; higher speaks
    more for what the model decided (fake where p_fake is above one half, else real).
    """
    cells = Image.fromarray(np.asarray(importance, np.float32)).resize(
        (CELLS, CELLS), Image.Resampling.BOX
    )
    return _followed(model, crop, np.argsort(-np.asarray(cells).ravel(), kind="stable"))


def by_chance(model: Model, crop: UInt8Array) -> list[Faithfulness]:
    """RANDOM_ORDERS orders that know nothing: what any map must beat."""
    rng = np.random.default_rng(0)
    return [_followed(model, crop, rng.permutation(CELLS**2)) for _ in range(RANDOM_ORDERS)]


def _followed(model: Model, crop: UInt8Array, order: npt.NDArray[np.int64]) -> Faithfulness:
    """order: [CELLS ** 2] numbers of cells, the most important first."""
    side = len(crop)
    radius = ImageFilter.GaussianBlur(side * BLUR)
    blurred = np.asarray(Image.fromarray(crop).filter(radius))
    rank = np.empty(CELLS**2, np.int64)
    rank[order] = np.arange(CELLS**2)
    where = np.arange(side) * CELLS // side
    ranks = rank.reshape(CELLS, CELLS)[where[:, None], where[None, :]]
    share = np.linspace(0, 1, STEPS + 1)
    taken = [(ranks < round(part * CELLS**2))[..., None] for part in share]
    deleted = [np.where(mask, blurred, crop) for mask in taken]
    inserted = [np.where(mask, crop, blurred) for mask in taken]
    logits, _ = model.score(np.stack(deleted + inserted))
    p = model.card.calibration.p_fake(logits)
    p = p if p[0] > 0.5 else 1 - p
    return Faithfulness(
        share.astype(np.float32), p[: STEPS + 1], np.asarray(p[STEPS + 1 :], np.float32)
    )
