"""A data set of fakes made from real pictures, each beside its original: aligned fakes.

Of each picture the region around the face is written twice, as it is and forged, in the same way:
where the picture is a JPEG, with its quantisation tables and chroma subsampling. So the two differ
by the forgery alone; the whole picture would differ in size and in how often it was compressed.
Both keep its split and group, so that a split holds both or none and training can draw them as a
pair.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from facetell.data.autoencoder import Autoencoder
from facetell.data.crops import largest_face_region
from facetell.data.forge import self_blend, swap_face
from facetell.data.manifest import LABELS, Sample
from facetell.detect.faces import FINDERS
from facetell.detect.scan import scan
from facetell.errors import DataError, MediaError
from facetell.types import FloatArray, UInt8Array


@dataclass(frozen=True)
class Face:
    """The region around a face, [H, W, 3] uint8 RGB, and its landmarks [5, 2] in it."""

    image: UInt8Array
    landmarks: FloatArray


Forgery = Callable[[Face, Callable[[], Face], np.random.Generator], UInt8Array]
"""Face, what finds the face of another picture, randomness -> the face forged."""


def blended(face: Face, other: Callable[[], Face], rng: np.random.Generator) -> UInt8Array:
    return self_blend(face.image, face.landmarks, rng)


def swapped(face: Face, other: Callable[[], Face], rng: np.random.Generator) -> UInt8Array:
    donor = other()
    return swap_face(face.image, face.landmarks, donor.image, donor.landmarks)


def regenerated(autoencoder: Autoencoder) -> Forgery:
    return lambda face, other, rng: autoencoder.regenerate(face.image)


FORGERIES: dict[str, Forgery] = {"blend": blended, "swap": swapped}
"""What needs nothing else; `regenerated` takes an autoencoder."""


def forge_twins(
    samples: Sequence[Sample],
    folder: Path,
    forgery: Forgery,
    name: str,
    *,
    seed: int = 0,
    threads: int = 1,
    on_progress: Callable[[int], None] = lambda done: None,
) -> tuple[list[Sample], list[str]]:
    """Write the face of each real sample and its forged twin into `folder`; the forged are a source
    called `name`.

    Returns both, in pairs, and for each sample left out a line that says why. The same samples,
    name and seed give the same pictures. Twins that lie there already are kept, so that an
    interrupted run goes on. Another picture's face is one of the same split and of another group.
    Raises DataError where no sample is real.
    """
    reals = [sample for sample in samples if sample.label == LABELS["real"]]
    if not reals:
        raise DataError("there is no real picture to forge", hint="give data with real pictures")
    folder.mkdir(parents=True, exist_ok=True)
    pairs: list[Sample] = []
    left_out = []
    for done, made in enumerate(_forged(reals, folder, forgery, name, seed, threads), start=1):
        real = reals[done - 1]
        if isinstance(made, str):
            left_out.append(f"{real.path}: {made}")
        else:
            face, twin = made
            fake = replace(real, path=twin, label=LABELS["fake"], source=name, generator=name)
            pairs += [replace(real, path=face), fake]
        on_progress(done)
    return pairs, left_out


def _forged(
    reals: Sequence[Sample], folder: Path, forgery: Forgery, name: str, seed: int, threads: int
) -> Iterator[tuple[Path, Path] | str]:
    finder = FINDERS["facetell"]()

    def face_of(sample: Sample) -> Face:
        try:
            image, _, landmarks = largest_face_region(sample.path, finder)
        except MediaError as error:
            raise MediaError(f"{sample.path.name}: {error.args[0]}", hint=error.hint) from error
        return Face(image, landmarks)

    def forge(number: int) -> tuple[Path, Path] | str:
        real = reals[number]
        twin = folder / _stem(real, f"{name} {seed}")
        faces, twins = (
            [path.with_name(f"{path.name}{ending}") for ending in (".jpg", ".png")]
            for path in (real_twin(twin), twin)
        )
        for both in zip(faces, twins, strict=True):
            if all(path.exists() for path in both):
                return both
        try:
            face = face_of(real)
            rng = np.random.default_rng([seed, number])
            image = forgery(face, lambda: face_of(_donor(reals, number)), rng)
            return save_like(face.image, real.path, faces), save_like(image, real.path, twins)
        except MediaError as error:
            return str(error)

    return scan(range(len(reals)), forge, threads)


def _donor(reals: Sequence[Sample], number: int) -> Sample:
    """The nearest one before, in a circle, of the same split and of another group."""
    real = reals[number]
    for back in range(1, len(reals)):
        other = reals[number - back]
        if other.split == real.split and other.group != real.group:
            return other
    raise MediaError(
        f"there is no face of another group in {real.split}", hint="give more real pictures"
    )


def save_like(image: UInt8Array, original: Path, paths: Sequence[Path]) -> Path:
    """Save as the original was: a JPEG with its tables and subsampling, anything else as PNG.

    paths: where to, as JPEG and as PNG. The file is whole or not there at all.
    """
    picture = Image.fromarray(image)
    saved_as = _jpeg_settings(original)
    path = paths[1] if saved_as is None else paths[0]
    beside = path.with_suffix(".part")
    if saved_as is None:
        picture.save(beside, "PNG")
    else:
        picture.save(beside, "JPEG", **saved_as)
    beside.replace(path)
    return path


def _jpeg_settings(path: Path) -> dict[str, Any] | None:
    """What a JPEG was saved with; None for any other picture, such as HEIC, which Pillow alone
    does not know."""
    try:
        with Image.open(path) as old:
            if isinstance(old, JpegImagePlugin.JpegImageFile):
                subsampling = max(JpegImagePlugin.get_sampling(old), 0)
                return {"qtables": old.quantization, "subsampling": subsampling}
    except UnidentifiedImageError:
        pass
    return None


def real_twin(fake: Path) -> Path:
    """Where the real face lies of which a fake was made; both without their endings."""
    return fake.with_name(f"{fake.name}-real")


def _stem(sample: Sample, how: str) -> str:
    """Of the twin's file: the original's name, and what tells it from another of that name, or
    from one forged in another way."""
    return f"{sample.path.stem[:60]}-{zlib.crc32(f'{sample.path} {how}'.encode()):08x}"
