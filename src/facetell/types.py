"""The words of the project as types (one word, one meaning, everywhere)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
BoxXYXY = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the original, upright picture."""


class Verdict(StrEnum):
    """What facetell says of a face; two thresholds divide `p_fake` into these three."""

    REAL = "real"
    FAKE = "fake"
    UNCERTAIN = "uncertain"


class Status(StrEnum):
    """How it went with a file; only `ok` ever carries a score."""

    OK = "ok"
    NO_FACE = "no_face"
    ERROR = "error"


class Kind(StrEnum):
    """What sort of media a file is, by its content and not by its name."""

    IMAGE = "image"
    VIDEO = "video"
    UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded, upright picture.

    image: [H, W, 3] uint8 RGB; smaller than `size_wh` where a huge JPEG was decoded at reduced
    scale.
    size_wh: width and height in pixels of the original, upright picture.
    format: the container's name as Pillow gives it, such as "JPEG".
    jpeg_quality: estimated quality in 1..100, or None where the file is no JPEG.
    frames: how many frames or pages the file holds; this is the first.
    """

    image: UInt8Array
    size_wh: tuple[int, int]
    format: str
    jpeg_quality: float | None = None
    frames: int = 1

    @property
    def scale(self) -> float:
        """Original pixels per pixel of `image` (1.0 unless decoded at reduced scale)."""
        return self.size_wh[0] / int(self.image.shape[1])


@dataclass(frozen=True)
class Sampling:
    """Which frames of a clip are judged.

    fps: frames a second of the clip; None = every frame. start_s, end_s: from where to where, in
    seconds of the clip. max_s: no more than so many seconds from there.
    """

    fps: float | None = 4.0
    start_s: float = 0.0
    end_s: float | None = None
    max_s: float | None = None


BY_DEFAULT = Sampling()


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a clip.

    time_s: since the clip's beginning. after_cut: whether a scene cut lies between it and the
    frame given before it.
    """

    time_s: float
    picture: Picture
    after_cut: bool = False


@dataclass(frozen=True, eq=False)
class FoundFaces:
    """The faces of one picture, best score first.

    boxes_xyxy: [N, 4] float32, pixels of the picture searched, inside its borders.
    scores: [N] float32 in [0, 1], how sure the finder is that this is a face.
    landmarks: [N, 5, 2] float32 x, y: left eye, right eye, nose, left and right mouth corner as
        they lie in the picture (left = smaller x on an upright face); NaN where none are known.
    """

    boxes_xyxy: FloatArray
    scores: FloatArray
    landmarks: FloatArray

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    def chosen(self, which: Any) -> "FoundFaces":
        """which: numbers, a slice or a mask [N], as of an array."""
        return FoundFaces(self.boxes_xyxy[which], self.scores[which], self.landmarks[which])

    def scaled(self, factor: float) -> "FoundFaces":
        """As they lie in a picture `factor` times as large."""
        by = np.float32(factor)
        return FoundFaces(self.boxes_xyxy * by, self.scores, self.landmarks * by)

    @staticmethod
    def together(parts: Sequence["FoundFaces"]) -> "FoundFaces":
        """The faces of all parts, in their order."""
        return FoundFaces(
            np.concatenate([part.boxes_xyxy for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.landmarks for part in parts]),
        )

    @property
    def areas(self) -> FloatArray:
        """[N] float32, square pixels."""
        return np.asarray((self.boxes_xyxy[:, 2:] - self.boxes_xyxy[:, :2]).prod(axis=1))
