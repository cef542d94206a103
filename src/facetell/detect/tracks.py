"""Follow faces from frame to frame: a track is one person's face, and never goes across a cut.

No face recognition: a face goes on where it was and looks as it did a moment ago. The limits were
measured on the clips of `train` and `val`; docs/video.md has the numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from facetell.detect.cuts import change, thumb_of
from facetell.types import BoxXYXY, FloatArray, UInt8Array

LOOK_PX = 32
NEAR = 0.75
"""How far a face moves from one judged frame to the next, at most, in lengths of the face."""
GROWTH = 1.6
"""How much larger or smaller it gets meanwhile, at most."""
LOST_AFTER_S = 1.5
"""A face not seen for longer may be anywhere, and is known again by its look alone."""
FORGOTTEN_AFTER_S = 60.0
STEPS = 1.5
"""Both limits are no shorter than so many steps: a face of the frame before is neither."""
RESTLESS = 10.0
"""A change of the whole frame, between judged ones, from which a face must look alike to go on."""
ALIKE, SAME_LOOK = 0.4, 0.75
"""Correlation of two looks at a face: a person's from moment to moment are above the first but in
quick turns; those of two people hardly ever above the second."""
STILL = 0.5
"""Mean difference, in grey levels, below which a face is the same picture once more."""


@dataclass(frozen=True)
class Seen:
    """Which track a face belongs to, and whether it repeats what was seen of it last."""

    track: int
    repeats: bool


@dataclass
class _Known:
    """The last of a face: when and where it was seen, its look there, and that of the last frame
    that brought anything new."""

    track: int
    time_s: float
    box_xyxy: BoxXYXY
    look: FloatArray
    fresh_box: BoxXYXY
    fresh_look: FloatArray


class Tracker:
    """Gives the faces of frame after frame their track numbers: 1, 2, ... as they appear."""

    def __init__(self, step_s: float) -> None:
        """step_s: usual time from one judged frame to the next."""
        self._usual_step_s = step_s
        self._lost_after_s = LOST_AFTER_S
        self._last_s: float | None = None
        self._known: list[_Known] = []
        self._count = 0
        self._thumb: FloatArray | None = None

    def cut(self) -> None:
        """Nobody from before goes on."""
        self._known.clear()

    def follow(self, time_s: float, image: UInt8Array, boxes: Sequence[BoxXYXY]) -> list[Seen]:
        """One for each face, in their order.

        image: [H, W, 3] uint8 RGB, the frame; boxes: the faces in its pixels.
        """
        step_s = 0.0 if self._last_s is None else time_s - self._last_s
        steps_s, self._last_s = STEPS * max(self._usual_step_s, step_s), time_s
        self._lost_after_s = max(LOST_AFTER_S, steps_s)
        forgotten_after_s = max(FORGOTTEN_AFTER_S, steps_s)
        self._known = [k for k in self._known if time_s - k.time_s <= forgotten_after_s]
        looks = [_look(image, box) for box in boxes]
        restless = self._is_restless(image)
        seen = []
        goes_on = self._matched(time_s, boxes, looks, restless)
        for box, look, known in zip(boxes, looks, goes_on, strict=True):
            if known is None:
                self._count += 1
                self._known.append(_Known(self._count, time_s, box, look, box, look))
                seen.append(Seen(self._count, repeats=False))
                continue
            # At the same place of both frames: boxes jitter even where nothing moves.
            repeats = change(_look(image, known.fresh_box), known.fresh_look) < STILL
            known.time_s, known.box_xyxy, known.look = time_s, box, look
            if not repeats:
                known.fresh_box, known.fresh_look = box, look
            seen.append(Seen(known.track, repeats))
        return seen

    def _is_restless(self, image: UInt8Array) -> bool:
        last, self._thumb = self._thumb, thumb_of(image).astype(np.float32)
        return last is not None and change(last, self._thumb) > RESTLESS

    def _matched(
        self, time_s: float, boxes: Sequence[BoxXYXY], looks: Sequence[FloatArray], restless: bool
    ) -> list[_Known | None]:
        """For each face who it is, each person once, the best matches first."""
        matches = sorted(
            (
                (likeness, face, person)
                for face, (box, look) in enumerate(zip(boxes, looks, strict=True))
                for person, known in enumerate(self._known)
                if (likeness := self._likeness(known, time_s, box, look, restless)) is not None
            ),
            reverse=True,
        )
        goes_on: list[_Known | None] = [None] * len(boxes)
        taken: set[int] = set()
        for _, face, person in matches:
            if goes_on[face] is None and person not in taken:
                goes_on[face] = self._known[person]
                taken.add(person)
        return goes_on

    def _likeness(
        self, known: _Known, time_s: float, box: BoxXYXY, look: FloatArray, restless: bool
    ) -> float | None:
        """How sure it is that a face is one known, above 1 where it is near; None where it is
        not."""
        alike = _correlation(look, known.look)
        distance, growth = _moved(known.box_xyxy, box)
        is_near = (
            distance <= NEAR and growth <= GROWTH and time_s - known.time_s <= self._lost_after_s
        )
        if is_near and (alike >= ALIKE or not restless):
            return 2 + alike - distance
        return alike if alike >= SAME_LOOK else None


def _moved(one: BoxXYXY, other: BoxXYXY) -> tuple[float, float]:
    """Distance of the middles in lengths of the larger face, and by what factor the sizes
    differ."""
    a, b = np.asarray(one), np.asarray(other)
    sides = float((a[2:] - a[:2]).max()), float((b[2:] - b[:2]).max())
    apart = float(np.hypot(*((a[:2] + a[2:] - b[:2] - b[2:]) / 2)))
    return apart / max(sides), max(sides) / max(min(sides), 1e-6)


def _look(image: UInt8Array, box_xyxy: BoxXYXY) -> FloatArray:
    """[LOOK_PX, LOOK_PX] float32 grey: what lies in a box."""
    height, width = image.shape[:2]
    x0, y0 = (max(0, int(v)) for v in box_xyxy[:2])
    x1, y1 = min(width, int(box_xyxy[2]) + 1), min(height, int(box_xyxy[3]) + 1)
    cut = Image.fromarray(np.ascontiguousarray(image[y0:y1, x0:x1])).convert("L")
    return np.asarray(cut.resize((LOOK_PX, LOOK_PX), Image.Resampling.BOX), np.float32)


def _correlation(one: FloatArray, other: FloatArray) -> float:
    """Of two looks, in [-1, 1], whatever their light and contrast."""
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 0 else 0.0
