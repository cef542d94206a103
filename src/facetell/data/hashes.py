"""Which pictures are the same: byte for byte, or to the eye."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from facetell.detect.media import read_picture
from facetell.errors import MediaError

NEAR_BITS = 3
"""Difference hashes that differ in at most so many of their 64 bits are near-duplicates."""
BANDS = NEAR_BITS + 1


@dataclass(frozen=True)
class Fingerprint:
    """sha256 of the bytes; look: 64-bit difference hash of the upright picture, None where it
    cannot be read, or where it is so even that its hash says nothing; problem: why not."""

    sha256: str
    look: int | None
    problem: str | None = None


def fingerprint(path: Path) -> Fingerprint:
    """Read a file once; one that cannot be decoded still has its bytes."""
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return Fingerprint("", None, str(error))
    try:
        image = Image.fromarray(read_picture(path).image)
    except MediaError as error:
        return Fingerprint(sha256, None, str(error))
    return Fingerprint(sha256, difference_hash(image))


def difference_hash(image: Image.Image) -> int | None:
    """64 bits: is each cell of a 9 x 8 thumbnail darker than its right neighbour? None for a
    picture without structure (Krawetz 2013, "Kind of like that")."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BILINEAR), np.int16)
    if np.abs(np.diff(small, axis=1)).max() < 4:
        return None
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_pairs(looks: Sequence[int | None], max_bits: int = NEAR_BITS) -> list[tuple[int, int]]:
    """Pairs of numbers whose hashes differ in at most `max_bits` bits (at most NEAR_BITS).

    Hashes that differ in three bits share one of four bands of sixteen, so only those that share
    a band are compared: a hundred thousand pictures take seconds.
    """
    pairs: set[tuple[int, int]] = set()
    width = 64 // BANDS
    for band in range(BANDS):
        shelf: defaultdict[int, list[int]] = defaultdict(list)
        for number, look in enumerate(looks):
            if look is not None:
                shelf[look >> (band * width) & ((1 << width) - 1)].append(number)
        for numbers in shelf.values():
            values = np.array([looks[n] for n in numbers], np.uint64)
            for i, number in enumerate(numbers[:-1]):
                differing = np.bitwise_count(values[i + 1 :] ^ values[i])
                near = np.flatnonzero(differing <= max_bits)
                pairs.update((number, numbers[i + 1 + int(j)]) for j in near)
    return sorted(pairs)


def heaps(prints: Sequence[Fingerprint]) -> list[int]:
    """Number of the first of each one's equals, byte for byte or to the eye."""
    first: dict[str, int] = {}
    same = [(first.setdefault(p.sha256, n), n) for n, p in enumerate(prints) if p.sha256]
    return joined(len(prints), same + near_pairs([p.look for p in prints]))


def joined(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Number of the first member of each one's heap, where pairs belong together (union-find)."""
    first = list(range(count))

    def root(number: int) -> int:
        while first[number] != number:
            first[number] = first[first[number]]
            number = first[number]
        return number

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        first[high] = low
    return [root(number) for number in range(count)]
