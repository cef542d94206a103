"""What happens to pictures on their way through the web, as pure functions on arrays.

`image`: [H, W, 3] uint8 RGB in, the same out; randomness is always the argument `rng`. Training
(`random_path`) and evaluation (`TIERS`) use the same functions.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from facetell.types import UInt8Array


def recompress(image: UInt8Array, quality: int, codec: str = "JPEG") -> UInt8Array:
    """Encode and decode once. codec: "JPEG" (4:2:0) or "WEBP"; quality: 1..100."""
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
    """Gaussian noise; sigma on the 0..255 scale."""
    noisy = image + rng.normal(0, sigma, image.shape).astype(np.float32)
    return noisy.round().clip(0, 255).astype(np.uint8)


def grey(image: UInt8Array) -> UInt8Array:
    return np.asarray(Image.fromarray(image).convert("L").convert("RGB"))


def relight(image: UInt8Array, gain: float, gamma: float) -> UInt8Array:
    """Brightness `gain` and tone curve `gamma` (1 and 1 change nothing)."""
    levels = np.linspace(0, 1, 256) ** gamma * gain * 255
    table = levels.round().clip(0, 255).astype(np.uint8)
    return table[image]


TIERS: dict[str, Callable[[UInt8Array], UInt8Array]] = {
    "clean": lambda image: image,
    "web": lambda image: recompress(shrink_to(image, 768), 60),
    "hard": lambda image: recompress(shrink_to(image, 512), 40),
}
"""How the media is degraded before scoring; applied to the whole picture, before the face
finder."""

_RESAMPLING = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


def random_path(image: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """One random way through the web: light, grey, blur, noise, JPEG or WebP, perhaps twice.

    The same for real and fake pictures, so that no format tells them apart.
    """
    if rng.random() < 0.5:
        image = relight(image, rng.uniform(0.7, 1.3), rng.uniform(0.75, 1.35))
    if rng.random() < 0.1:
        image = grey(image)
    if rng.random() < 0.15:
        image = blur(image, rng.uniform(0.3, 1.5))
    if rng.random() < 0.15:
        image = noise(image, rng.uniform(1, 8), rng)
    if rng.random() < 0.8:
        codec = "WEBP" if rng.random() < 0.2 else "JPEG"
        image = recompress(image, int(rng.integers(30, 97)), codec)
    if rng.random() < 0.15:
        image = recompress(image, int(rng.integers(40, 91)))
    return image


def random_shrink(
    image: UInt8Array, rng: np.random.Generator, longest_px: tuple[int, int]
) -> UInt8Array:
    """Shrink to a random longer side in `longest_px` (log-uniform), with a random filter."""
    low, high = np.log(longest_px[0]), np.log(longest_px[1])
    side = round(float(np.exp(rng.uniform(low, high))))
    return shrink_to(image, side, _RESAMPLING[rng.integers(len(_RESAMPLING))])
