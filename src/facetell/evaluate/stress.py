"""How a model holds when pictures are treated badly: one treatment at a time, harder and harder."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from facetell.data.degrade import TIERS, blur, noise, recompress, relight, resize, shrink_to
from facetell.data.manifest import Sample
from facetell.detect.analyze import Detector
from facetell.detect.card import Hardship
from facetell.evaluate.numbers import Numbers, numbers
from facetell.evaluate.score import score_samples
from facetell.types import UInt8Array

Treatment = Callable[[UInt8Array], UInt8Array]
UNTREATED = "as it is"
SAME_AUC = 0.005
"""Two measurements of untreated pictures that lie no further apart are taken for one."""


@dataclass(frozen=True)
class Level:
    """A treatment of whole pictures, before the face finder. kind: what is done; level: how much of
    it, in words; harder ones come later."""

    kind: str
    level: str
    treat: Treatment


def _scaled(image: UInt8Array, factor: float) -> UInt8Array:
    height, width = image.shape[:2]
    return resize(image, (max(1, round(width * factor)), max(1, round(height * factor))))


def _there_and_back(image: UInt8Array, factor: float) -> UInt8Array:
    return resize(_scaled(image, factor), (image.shape[1], image.shape[0]))


def _noisy(image: UInt8Array, sigma: float) -> UInt8Array:
    return noise(image, sigma, np.random.default_rng(0))


def _cut(image: UInt8Array, share: float) -> UInt8Array:
    """Without a strip at the left and one at the top."""
    return image[round(share * image.shape[0]) :, round(share * image.shape[1]) :]


def _screenshot(image: UInt8Array, factor: float) -> UInt8Array:
    """Scaled to the screen and saved, and once more when it is passed on."""
    return recompress(_scaled(recompress(_scaled(image, factor), 90), 0.9), 75)


def _platform(image: UInt8Array, steps: Sequence[tuple[int, int, str]]) -> UInt8Array:
    """steps: longest side in pixels, quality and codec of each upload."""
    for longest_px, quality, codec in steps:
        image = recompress(shrink_to(image, longest_px), quality, codec)
    return image


_MESSENGER = (1600, 70, "JPEG")
_FEED = (1080, 75, "JPEG")
_STORY = (720, 60, "WEBP")
_SWEEPS: dict[str, tuple[Callable[..., UInt8Array], dict[str, object]]] = {
    "JPEG quality": (recompress, {str(q): q for q in (90, 75, 60, 40, 20)}),
    "WebP quality": (partial(recompress, codec="WEBP"), {str(q): q for q in (80, 50, 20)}),
    "scaled to": (_scaled, {f"{f:.0%}": f for f in (0.75, 0.5, 0.25)}),
    "scaled down and up again": (_there_and_back, {f"{f:.0%}": f for f in (0.75, 0.5, 0.25)}),
    "blur, pixels": (blur, {str(s): s for s in (0.5, 1.0, 2.0, 3.0)}),
    "noise, of 255": (_noisy, {str(s): s for s in (2, 5, 10, 20)}),
    "darker": (lambda image, gain: relight(image, gain, 1), {f"{g:.0%}": g for g in (0.6, 0.3)}),
    "brighter": (lambda image, gain: relight(image, gain, 1), {f"{g:.0%}": g for g in (1.3, 1.8)}),
    "cut at two sides": (_cut, {f"{s:.0%}": s for s in (0.05, 0.1, 0.2)}),
    "screenshot": (_screenshot, {f"{f:.0%}": f for f in (1.0, 0.6)}),
    "tier": (lambda image, tier: TIERS[tier](image), {"web": "web", "hard": "hard"}),
    "passed on": (_platform, {
        "messenger": [_MESSENGER],
        "feed": [_FEED],
        "feed, then messenger": [_FEED, _MESSENGER],
        "story, feed, messenger": [_STORY, _FEED, _MESSENGER],
    }),
}  # fmt: skip


@dataclass(frozen=True)
class Dose:
    """Several treatments at once, in this order. scale: of both sides; blur_px, noise: sigmas, the
    latter of 255; jpeg_quality: 1..99, 100 leaves the picture uncompressed."""

    scale: float = 1.0
    blur_px: float = 0.0
    noise: float = 0.0
    jpeg_quality: float = 100

    def treat(self, image: UInt8Array) -> UInt8Array:
        if self.scale != 1:
            image = _scaled(image, self.scale)
        if self.blur_px:
            image = blur(image, self.blur_px)
        if self.noise:
            image = _noisy(image, self.noise)
        return image if self.jpeg_quality == 100 else recompress(image, round(self.jpeg_quality))


def levels() -> list[Level]:
    """All treatments, the untreated pictures first."""
    untreated = Level(UNTREATED, "", lambda image: image)
    return [untreated] + [
        Level(kind, level, partial(_treated, treat, amount))
        for kind, (treat, amounts) in _SWEEPS.items()
        for level, amount in amounts.items()
    ]


def _treated(treat: Callable[..., UInt8Array], amount: object, image: UInt8Array) -> UInt8Array:
    return treat(image, amount)


def stress(
    samples: Sequence[Sample],
    detector: Detector,
    threads: int,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Iterator[tuple[Level, Numbers]]:
    """Judge all samples after each treatment. on_progress: called with pictures judged."""
    done = 0
    for level in levels():
        rows = []
        for row in score_samples(samples, detector, level.kind, threads, level.treat):
            rows.append(row)
            done += 1
            on_progress(done)
        yield level, numbers(rows)


def hardship(kind: str, level: str, found: Numbers, split: str) -> Hardship | None:
    """The row of the robustness card; None where nothing can be said."""
    auc, balanced = found.values["auc"], found.values["balanced_accuracy"]
    coverage = found.values["coverage"]
    if auc is None or balanced is None or coverage is None:
        return None
    return Hardship(
        kind=kind,
        level=level,
        split=split,
        pictures=found.reals + found.fakes,
        auc=round(auc.value, 4),
        balanced_accuracy=round(balanced.value, 4),
        uncertain=round(1 - coverage.value, 4),
        unjudged=sum(found.unjudged.values()),
    )


def beside(rows: Sequence[Hardship], earlier: Sequence[Hardship]) -> list[Hardship]:
    """Of a card's earlier rows those of other kinds, where both measurements began at the same
    pictures: a drop is told by the first row."""
    if not earlier or not _same_start(rows[0], earlier[0]):
        return []
    again = {row.kind for row in rows}
    return [row for row in earlier if row.kind not in again]


def _same_start(one: Hardship, other: Hardship) -> bool:
    """A checkpoint says nearly what its model file says, not quite."""
    same = (one.split, one.pictures) == (other.split, other.pictures)
    return same and abs(one.auc - other.auc) <= SAME_AUC
