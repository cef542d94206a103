"""What a file is by its first bytes, never by its name."""

from codecs import getincrementaldecoder

HEAD_BYTES = 4096
"""How much of a file's start is enough to tell."""

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II\0*": "TIFF",
    b"MM*\0": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
    b"\xff\x4f\xff\x51": "JPEG2000",
    b"\0\0\1\0": "ICO",
}
"""How a file starts -> the one Pillow decoder that may try it. Those that run other programs (EPS,
WMF) or decode minutes long in Python (QOI, PNM as text) are left out on purpose."""

_PICTURE_BRANDS = dict.fromkeys((b"avif", b"avis"), "AVIF") | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "HEIF"
)
_BMP_HEADER_BYTES = {12, 16, 40, 52, 56, 64, 108, 124}
_NEUTRAL_PICTURE_BRANDS = {b"mif1", b"mif2", b"msf1", b"miaf"}
_NO_VIDEO_BRANDS = {b"crx ", b"M4A ", b"M4B "}
_VIDEO_SIGNATURES = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"FLV\1",
    b"OggS",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
    b"\0\0\1\xba",  # MPEG program stream
    b"\0\0\1\xb3",  # MPEG video stream
)
_MOVIE_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}


def image_format(head: bytes) -> str | None:
    """Pillow's name of the format that `head`, the start of a file, belongs to."""
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _brand_format(head)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_BYTES:
        return "BMP"
    if head[:2] in {b"P4", b"P5", b"P6", b"Pf"} and head[2:3].isspace():
        return "PPM"
    return "TGA" if _is_tga(head) else None


def _brand_format(head: bytes) -> str | None:
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end, 4))]
    if brands[0] not in _PICTURE_BRANDS.keys() | _NEUTRAL_PICTURE_BRANDS:
        return None
    return next((_PICTURE_BRANDS[brand] for brand in brands if brand in _PICTURE_BRANDS), "HEIF")


def _is_tga(head: bytes) -> bool:
    """TGA has no signature: every field of its header must make sense instead."""
    if len(head) < 18 or not any(head[12:14]) or not any(head[14:16]):
        return False
    has_map, sort, depth = head[1], head[2], head[16]
    return has_map == (sort in {1, 9}) and sort in {1, 2, 3, 9, 10, 11} and depth in {8, 16, 24, 32}


def is_video(head: bytes) -> bool:
    if head[4:8] in _MOVIE_BOXES:
        # The box's length comes first; a text ("The free ...") has letters there.
        return head[:1] < b" " and head[8:12] not in _NO_VIDEO_BRANDS
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    return head.startswith(_VIDEO_SIGNATURES) or _is_transport_stream(head)


def is_text(head: bytes) -> bool:
    """UTF-8 without a NUL; a character may be cut off at the end."""
    try:
        getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return b"\0" not in head


def _is_transport_stream(head: bytes) -> bool:
    """MPEG-TS: a sync byte every 188 bytes, or every 192 after a time stamp (M2TS)."""
    return any(
        len(head) > start + 2 * step and all(head[start + n * step] == 0x47 for n in range(3))
        for start, step in ((0, 188), (4, 192))
    )
