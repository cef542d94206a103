"""What happens to pictures on their way through the web, as pure functions on arrays.

`image`: [H, W, 3] uint8 RGB in, the same out; randomness is always the argument `rng`. Training
(`random_path`) and evaluation (`TIERS`) use the same functions.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from facetell.types import UInt8Array

LONGEST_PX = {"JPEG": 65500, "WEBP": 16383}
"""What an encoded picture's longer side may be at most."""


def recompress(image: UInt8Array, quality: int, codec: str = "JPEG") -> UInt8Array:
    """Encode and decode once. codec: "JPEG" (4:2:0) or "WEBP"; quality: 1..100. What is longer than
    the codec can hold is shrunk."""
    image = shrink_to(image, LONGEST_PX[codec])
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, codec, quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def resize(
    image: UInt8Array,
    size_wh: tuple[int, int],
    resample: Image.Resampling = Image.Resampling.LANCZOS,
) -> UInt8Array:
    return np.asarray(Image.fromarray(image).resize(size_wh, resample))


def shrink_to(
    image: UInt8Array, longest_px: int, resample: Image.Resampling = Image.Resampling.LANCZOS
) -> UInt8Array:
    """Shrink so that the longer side is at most `longest_px`; never enlarge."""
    height, width = image.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return image
    return resize(image, (max(1, round(width * scale)), max(1, round(height * scale))), resample)


def blur(image: UInt8Array, sigma_px: float) -> UInt8Array:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma_px)))


def noise(image: UInt8Array, sigma: float, rng: np.random.Generator) -> UInt8Array:
    """Gaussian noise; sigma on the 0..255 scale. Takes one number from `rng`, whatever the size."""
    rng = np.random.default_rng(rng.integers(2**32))
    noisy = image + rng.normal(0, sigma, image.shape).astype(np.float32)
    return noisy.round().clip(0, 255).astype(np.uint8)


def grey(image: UInt8Array) -> UInt8Array:
    return np.asarray(Image.fromarray(image).convert("L").convert("RGB"))


def relight(image: UInt8Array, gain: float, gamma: float) -> UInt8Array:
    """Brightness `gain` and tone curve `gamma` (1 and 1 change nothing)."""
    levels = np.linspace(0, 1, 256) ** gamma * gain * 255
    table = levels.round().clip(0, 255).astype(np.uint8)
    return table[image]


def tint(image: UInt8Array, gains: tuple[float, float, float]) -> UInt8Array:
    """Multiply red, green and blue: a wrong white balance."""
    levels = image.astype(np.float32) * np.array(gains, np.float32)
    return levels.round().clip(0, 255).astype(np.uint8)


TIERS: dict[str, Callable[[UInt8Array], UInt8Array]] = {
    "clean": lambda image: image,
    "web": lambda image: recompress(shrink_to(image, 768), 60),
    "hard": lambda image: recompress(shrink_to(image, 512), 40),
}
"""How the media is degraded before scoring; applied to the whole picture, before the face
finder."""


@dataclass(frozen=True)
class Augmentation:
    """What training may do to a picture, the same for real and fake ones.

    Where the crop is cut: shift: largest move, as a share of its side; zoom: range of its side;
        turned: share of the crops that are turned by up to turn_deg; mirrored: share.
    Before the crop is cut, in this order: shrunk: share shrunk to a side drawn log-uniformly from
        crop_px_range (never enlarged), with a random filter; then shares that are relit, tinted,
        made grey, blurred, made noisy, compressed as JPEG or (webp: share of these) WebP, and once
        more as JPEG.
    After it: cut_out: share of the crops in which squares of a sixteenth of the side, up to half of
        all, are made grey (as random masking in SAFE: Li et al. 2024,
        https://arxiv.org/abs/2408.06741).
    """

    shift: float = 0.05
    zoom: tuple[float, float] = (0.88, 1.15)
    turned: float = 0.25
    turn_deg: float = 12.0
    mirrored: float = 0.5
    shrunk: float = 1.0
    crop_px_range: tuple[int, int] = (64, 288)
    relit: float = 0.5
    tinted: float = 0.0
    grey: float = 0.1
    blurred: float = 0.15
    noisy: float = 0.15
    compressed: float = 0.8
    quality: tuple[int, int] = (30, 96)
    webp: float = 0.2
    compressed_again: float = 0.15
    cut_out: float = 0.0


_NONE = Augmentation(
    shift=0, zoom=(1, 1), turned=0, mirrored=0, shrunk=0, relit=0, grey=0, blurred=0, noisy=0,
    compressed=0, compressed_again=0,
)  # fmt: skip
AUGMENTATIONS = {
    "forensic": Augmentation(),
    "plain": replace(
        _NONE,
        shift=0.1,
        zoom=(0.8, 1.2),
        turned=1,
        turn_deg=20,
        mirrored=0.5,
        relit=0.5,
        tinted=0.5,
    ),
    "none": _NONE,
}
"""plain: what image classifiers are usually trained with, and nothing of the web."""

CUTS = 16
_RESAMPLING = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


def random_path(image: UInt8Array, rng: np.random.Generator, how: Augmentation) -> UInt8Array:
    """One random way through the web: light, tint, grey, blur, noise, JPEG or WebP, perhaps twice.

    The same for real and fake pictures, so that no format tells them apart.
    """
    if rng.random() < how.relit:
        image = relight(image, rng.uniform(0.7, 1.3), rng.uniform(0.75, 1.35))
    if how.tinted and rng.random() < how.tinted:
        red, green, blue = (float(gain) for gain in rng.uniform(0.75, 1.25, 3))
        image = tint(image, (red, green, blue))
    if rng.random() < how.grey:
        image = grey(image)
    if rng.random() < how.blurred:
        image = blur(image, rng.uniform(0.3, 1.5))
    if rng.random() < how.noisy:
        image = noise(image, rng.uniform(1, 8), rng)
    if rng.random() < how.compressed:
        codec = "WEBP" if rng.random() < how.webp else "JPEG"
        low, high = how.quality
        image = recompress(image, int(rng.integers(low, high + 1)), codec)
    if rng.random() < how.compressed_again:
        image = recompress(image, int(rng.integers(40, 91)))
    return image


def random_shrink(image: UInt8Array, rng: np.random.Generator, how: Augmentation) -> UInt8Array:
    """Shrink a share of the pictures to a random longer side, with a random filter."""
    if rng.random() >= how.shrunk:
        return image
    low, high = np.log(how.crop_px_range[0]), np.log(how.crop_px_range[1])
    side = round(float(np.exp(rng.uniform(low, high))))
    return shrink_to(image, side, _RESAMPLING[rng.integers(len(_RESAMPLING))])


def random_cut_out(image: UInt8Array, rng: np.random.Generator, how: Augmentation) -> UInt8Array:
    """Make up to half of a square picture's squares grey in a share of the pictures."""
    if not how.cut_out or rng.random() >= how.cut_out:
        return image
    hidden = rng.random((CUTS, CUTS)) < rng.uniform(0, 0.5)
    rows = np.arange(image.shape[0]) * CUTS // image.shape[0]
    columns = np.arange(image.shape[1]) * CUTS // image.shape[1]
    return np.where(hidden[rows][:, columns, None], np.uint8(128), image)
