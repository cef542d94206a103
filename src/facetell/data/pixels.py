"""Decoded pictures in one file, one after the other: what the caches of training read from.

The index beside it belongs to the cache; a row of it says where its picture lies.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Generic, Protocol, TypeVar

import numpy as np

from facetell.errors import DataError
from facetell.types import UInt8Array

PIXELS_NAME = "pixels.u8"
MARK_NAME = "being-filled"


class Stored(Protocol):
    """Where a picture lies: [height, width, 3] uint8 RGB from byte `offset` on."""

    @property
    def offset(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...


Row = TypeVar("Row", bound=Stored)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While one process adds to a cache, another is refused: their pictures would get mixed up.

    Raises DataError when another one is at it.
    """
    mark = folder / MARK_NAME
    if mark.exists() and _may_run(mark.read_text(encoding="utf-8")):
        raise DataError(
            f"another process adds to {folder}",
            hint=f"wait for it; if there is none, delete {mark}",
        )
    mark.write_text(str(os.getpid()), encoding="utf-8")
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def _may_run(number: str) -> bool:
    """Whether a process of this number may be running; what was killed left its mark."""
    if sys.platform == "win32" or not number.isdigit():
        return True  # where asking is not harmless, or the answer is not known
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return int(number) != os.getpid()


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
