"""Make fakes whose origin is known: faces blended into pictures by their landmarks.

Pure functions on arrays; `image`: [H, W, 3] uint8 RGB, `landmarks`: [5, 2] float32 x, y as the
finders give them, randomness is the argument `rng`.
"""

import numpy as np
from PIL import Image, ImageFilter

from facetell.data.degrade import blur, relight
from facetell.data.warp import affine
from facetell.detect.align import Affine, similarity
from facetell.types import FloatArray, UInt8Array


def swap_face(
    image: UInt8Array, landmarks: FloatArray, donor: UInt8Array, donor_landmarks: FloatArray
) -> UInt8Array:
    """Put the donor's inner face into the picture: moved onto the landmarks, matched in colour,
    feathered at the edge. The simplest face swap that deceives a quick look."""
    onto_donor = similarity(landmarks, donor_landmarks)
    moved = _warp(donor, onto_donor, (image.shape[1], image.shape[0]))
    mask = face_mask(image.shape[:2], landmarks)
    return _blend(image, _match_colour(moved, image, mask), mask)


def self_blend(image: UInt8Array, landmarks: FloatArray, rng: np.random.Generator) -> UInt8Array:
    """Blend a face with a slightly changed copy of itself (Shiohara & Yamasaki 2022,
    https://arxiv.org/abs/2204.08376): only the traces of blending tell it from the original."""
    source = relight(image, rng.uniform(0.9, 1.1), rng.uniform(0.9, 1.1))
    if rng.random() < 0.5:
        source = blur(source, rng.uniform(0.4, 1.0))
    side = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    shift = rng.uniform(-0.04, 0.04, 2) * side
    zoom = rng.uniform(0.97, 1.03)
    centre = landmarks.mean(axis=0)
    matrix = affine(zoom, 0.0, centre, centre + shift)
    moved = _warp(source, matrix, (image.shape[1], image.shape[0]))
    return _blend(image, moved, face_mask(image.shape[:2], landmarks) * rng.uniform(0.6, 1.0))


def face_mask(shape_hw: tuple[int, ...], landmarks: FloatArray) -> FloatArray:
    """A feathered ellipse over the inner face: [H, W] float32 in [0, 1]."""
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    down = mouth - eyes
    across = landmarks[1] - landmarks[0]
    centre = eyes + 0.45 * down
    half_w, half_h = 0.95 * float(np.linalg.norm(across)), 1.15 * float(np.linalg.norm(down))
    angle = np.arctan2(across[1], across[0])
    rows, columns = np.mgrid[: shape_hw[0], : shape_hw[1]].astype(np.float32)
    x, y = columns - centre[0], rows - centre[1]
    u = (x * np.cos(angle) + y * np.sin(angle)) / half_w
    v = (-x * np.sin(angle) + y * np.cos(angle)) / half_h
    inside = Image.fromarray(((u**2 + v**2 <= 1) * 255).astype(np.uint8))
    soft = inside.filter(ImageFilter.GaussianBlur(half_w * 0.12))
    return np.asarray(np.asarray(soft, np.float32) / 255, np.float32)


def _warp(image: UInt8Array, from_output: Affine, size_wh: tuple[int, int]) -> UInt8Array:
    """Sample the image at `from_output` applied to each pixel of the output."""
    return np.asarray(
        Image.fromarray(image).transform(
            size_wh,
            Image.Transform.AFFINE,
            tuple(from_output.reshape(-1)),
            resample=Image.Resampling.BICUBIC,
        )
    )


def _match_colour(source: UInt8Array, target: UInt8Array, mask: FloatArray) -> UInt8Array:
    """Give the source the target's mean and spread per channel, within the mask (Reinhard et al.
    2001)."""
    inside = mask > 0.5
    src, tgt = source[inside].astype(np.float32), target[inside].astype(np.float32)
    gain = tgt.std(axis=0) / np.maximum(src.std(axis=0), 1)
    matched = (source - src.mean(axis=0)) * gain + tgt.mean(axis=0)
    return np.asarray(matched.round().clip(0, 255), np.uint8)


def _blend(image: UInt8Array, over: UInt8Array, mask: FloatArray) -> UInt8Array:
    weight = mask[..., None]
    mixed = image * (1 - weight) + over * weight
    return np.asarray(mixed.round().clip(0, 255), np.uint8)
