"""Decoded pictures in one file, one after the other: what the caches of training read from.

The index beside it belongs to the cache; a row of it says where its picture lies.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Generic, Protocol, TypeVar

import numpy as np

from facetell.errors import DataError
from facetell.types import UInt8Array

PIXELS_NAME = "pixels.u8"


class Stored(Protocol):
    """Where a picture lies: [height, width, 3] uint8 RGB from byte `offset` on."""

    @property
    def offset(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...


Row = TypeVar("Row", bound=Stored)


class PixelCache(Generic[Row]):
    """Pictures of a folder, opened for reading."""

    def __init__(self, folder: Path, rows: Sequence[Row]) -> None:
        """rows: of its index, not empty. Raises DataError when the pixels do not reach so far."""
        path = folder / PIXELS_NAME
        self._pixels = np.memmap(path, np.uint8, mode="r")
        last = rows[-1]
        if last.offset + last.height * last.width * 3 > len(self._pixels):
            raise DataError(f"{path} is cut short", hint="delete the folder and make it again")

    def image(self, row: Row) -> UInt8Array:
        """The picture of a row [height, width, 3] uint8 RGB."""
        size = row.height * row.width * 3
        flat = self._pixels[row.offset : row.offset + size]
        return np.asarray(flat).reshape(row.height, row.width, 3)


def append_picture(pixels: IO[bytes], image: UInt8Array) -> int:
    """Write a picture at the end, before its row is written, so that no row ever points past the
    end. Returns its offset."""
    offset = pixels.tell()
    pixels.write(image.tobytes())
    pixels.flush()
    return offset
