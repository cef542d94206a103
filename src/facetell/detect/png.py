"""PNG files as browsers read them: what is no pixel may be broken."""

import io
import struct
import zlib
from typing import BinaryIO

SIGNATURE_BYTES = 8
HEAD = struct.Struct(">I4s")
"""Length of a chunk's data, and its kind."""
CHECKSUM_BYTES = 4
ANCILLARY = 0x20
"""Bit of a kind's first byte: the picture can be shown without this chunk (PNG 1.2, section 3.3,
http://www.libpng.org/pub/png/spec/1.2/PNG-Structure.html)."""


def without_broken_notes(file: BinaryIO) -> BinaryIO:
    """The file, without the ancillary chunks whose checksum is wrong: text that generators write
    into their pictures and people edit by hand. Pixels are not looked at."""
    broken = _broken_notes(file)
    file.seek(0)
    if not broken:
        return file
    kept = io.BytesIO()
    for start, end in broken:
        kept.write(file.read(start - file.tell()))
        file.seek(end)
    kept.write(file.read())
    kept.seek(0)
    return kept


def _broken_notes(file: BinaryIO) -> list[tuple[int, int]]:
    """Where in the file such chunks begin and end."""
    found = []
    file.seek(SIGNATURE_BYTES)
    while len(head := file.read(HEAD.size)) == HEAD.size:
        length, kind = HEAD.unpack(head)
        start = file.tell() - HEAD.size
        if not kind[0] & ANCILLARY:
            file.seek(length + CHECKSUM_BYTES, io.SEEK_CUR)
            continue
        data, checksum = file.read(length), file.read(CHECKSUM_BYTES)
        if len(checksum) < CHECKSUM_BYTES:
            break
        if zlib.crc32(kind + data) != int.from_bytes(checksum, "big"):
            found.append((start, file.tell()))
    return found
