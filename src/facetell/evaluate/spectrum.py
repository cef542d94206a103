"""What a face looks like by frequencies, beside real faces of its size.

Generators leave traces there (Frank et al. 2020, https://arxiv.org/abs/2003.08685; Durall et al.
2020, https://arxiv.org/abs/2003.01826), and so do scaling and compression: the views are for the
eye, no verdict follows from them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from facetell.data.manifest import Sample
from facetell.detect.align import Square
from facetell.detect.analyze import Detector
from facetell.detect.crop import CropSpec, cut_square, place_crop
from facetell.detect.media import read_picture
from facetell.errors import DataError, MediaError
from facetell.types import FloatArray, Picture, UInt8Array

SPECTRUM_CROP = CropSpec(align="level", margin=1.3, size_px=192, mean=(0, 0, 0), std=(1, 1, 1))
"""Cut for every model alike, so that one reference serves them all."""
BLOCK = 8
LEAST_BLOCKS = 16
SIZES_PX = {"up to 128 px": 128.0, "128 to 256 px": 256.0, "above 256 px": float("inf")}
"""Classes by the side of the crop in the picture: small faces have no high frequencies to show."""
REFERENCE = Path(str(resources.files("facetell.evaluate") / "real_spectra.json"))
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """size: a name in SIZES_PX. power: [S, S] log10 of the power, zero frequency in the middle.
    radial: [S // 2] its mean at so many cycles per crop. dct: [8, 8] log10 of the mean size of the
    coefficients of the picture's own 8 x 8 blocks, as JPEG sees them; blockiness: how much larger
    steps are between those blocks than inside (1: no larger). The last two are None where the
    picture was reduced while decoding, or the face is smaller than LEAST_BLOCKS of them.
    """

    size: str
    power: FloatArray
    radial: FloatArray
    dct: FloatArray | None
    blockiness: float | None


class Reference(BaseModel):
    """Of real faces of one size: how many, mean and standard deviation of `radial`, mean of
    `dct`."""

    model_config = ConfigDict(frozen=True)

    faces: int
    radial: list[float]
    spread: list[float]
    dct: list[list[float]]


class References(BaseModel):
    """By size class. made_from: what pictures."""

    model_config = ConfigDict(frozen=True)

    made_from: str
    sizes: dict[str, Reference]


def spectrum(picture: Picture, square: Square) -> Spectrum:
    """Of the face in a square of the picture, as `place_crop` gives it."""
    grey = _grey(cut_square(picture.image, square, SPECTRUM_CROP.size_px))
    power = log_power(grey)
    blocks = None if picture.scale != 1 else _blocks(picture.image, square)
    return Spectrum(
        size=next(name for name, most in SIZES_PX.items() if square.side <= most),
        power=power,
        radial=radial_mean(power),
        dct=None if blocks is None else block_dct(blocks),
        blockiness=None if blocks is None else blockiness(blocks),
    )


def log_power(grey: FloatArray) -> FloatArray:
    """[S, S] brightness -> [S, S] log10 of the power, without the jump at the border (Hann)."""
    window = np.hanning(len(grey))
    shaped = (grey - grey.mean()) * np.outer(window, window)
    power = np.abs(np.fft.fftshift(np.fft.fft2(shaped))) ** 2
    return np.asarray(np.log10(power + 1e-3), np.float32)


def radial_mean(power: FloatArray) -> FloatArray:
    """[S, S] -> [S // 2]: mean over all directions at 0, 1, 2... cycles per picture."""
    side = len(power)
    away = np.arange(side) - side // 2
    radius = np.hypot(*np.meshgrid(away, away)).round().astype(int).ravel()
    sums = np.bincount(radius, weights=power.ravel())
    return np.asarray((sums / np.bincount(radius))[: side // 2], np.float32)


def block_dct(blocks: FloatArray) -> FloatArray:
    """[..., 8, 8] brightness -> [8, 8] log10 of the mean size of each coefficient (DCT-II,
    orthonormal)."""
    steps = np.arange(BLOCK)
    basis = np.cos(np.pi * (steps + 0.5) * steps[:, None] / BLOCK) * np.sqrt(2 / BLOCK)
    basis[0] /= np.sqrt(2)
    coefficients = np.abs(basis @ blocks @ basis.T).reshape(-1, BLOCK, BLOCK)
    return np.asarray(np.log10(coefficients.mean(axis=0) + 1e-3), np.float32)


def blockiness(blocks: FloatArray) -> float:
    """Steps from the last row and column of a block to the next block's first, over steps inside.

    blocks: [rows, columns, 8, 8].
    """
    inside = np.abs(np.diff(blocks, axis=-1)).mean() + np.abs(np.diff(blocks, axis=-2)).mean()
    across = np.abs(blocks[:, 1:, :, 0] - blocks[:, :-1, :, -1]).mean()
    down = np.abs(blocks[1:, :, 0] - blocks[:-1, :, -1]).mean()
    return float((across + down) / max(inside, 1e-6))


def _grey(image: UInt8Array) -> FloatArray:
    return np.asarray(image.astype(np.float32) @ _LUMA, np.float32)


def _blocks(image: UInt8Array, square: Square) -> FloatArray | None:
    """The picture's own 8 x 8 blocks that lie in a square: [rows, columns, 8, 8] brightness."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = square.level_xyxy
    left, top = (int(np.ceil(max(0.0, v) / BLOCK)) * BLOCK for v in (x0, y0))
    columns = int((min(x1, width) - left) // BLOCK)
    rows = int((min(y1, height) - top) // BLOCK)
    if rows < 2 or columns < 2 or rows * columns < LEAST_BLOCKS:
        return None
    cut = _grey(image[top : top + rows * BLOCK, left : left + columns * BLOCK])
    return cut.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)


def read_references(path: Path = REFERENCE) -> References:
    """Raises DataError when the file holds none."""
    try:
        return References.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise DataError(
            f"{path} holds no spectra of real faces", hint="make it with facetell data spectra"
        ) from error


def real_spectra(
    samples: Iterable[Sample],
    detector: Detector,
    made_from: str,
    on_progress: Callable[[int], None] = lambda done: None,
) -> References:
    """Mean spectra of the largest face in each real picture.

    Raises DataError where no picture shows a face.
    """
    found: dict[str, list[Spectrum]] = {name: [] for name in SIZES_PX}
    for done, sample in enumerate(samples, start=1):
        if sample.label == 0 and (one := _of_largest_face(sample.path, detector)) is not None:
            found[one.size].append(one)
        on_progress(done)
    sizes = {name: _reference(ones) for name, ones in found.items() if _with_dct(ones)}
    if not sizes:
        raise DataError("there is no face in any real picture", hint="give real portraits")
    return References(made_from=made_from, sizes=sizes)


def _of_largest_face(path: Path, detector: Detector) -> Spectrum | None:
    try:
        picture = read_picture(path)
    except MediaError:
        return None
    faces = detector.finder.find_faces(picture.image)
    if not len(faces):
        return None
    largest = int(np.argmax(faces.areas))
    size_wh = picture.image.shape[1], picture.image.shape[0]
    box, points = faces.boxes_xyxy[largest], faces.landmarks[largest]
    return spectrum(picture, place_crop(box, points, SPECTRUM_CROP, size_wh))


def _with_dct(ones: Iterable[Spectrum]) -> list[FloatArray]:
    return [one.dct for one in ones if one.dct is not None]


def _reference(ones: list[Spectrum]) -> Reference:
    radial = np.stack([one.radial for one in ones])
    return Reference(
        faces=len(ones),
        radial=radial.mean(axis=0).round(3).tolist(),
        spread=radial.std(axis=0).round(3).tolist(),
        dct=np.mean(_with_dct(ones), axis=0).round(3).tolist(),
    )
