"""Draws broken, hostile and odd files in code; each tiny, and named after what is wrong with it."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

from tests.clips import clip_bytes, counting, sound_only


def photo(width: int = 64, height: int = 48) -> Image.Image:
    """A smooth picture with a red top left corner, so that turning it can be seen."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    image = np.stack([60 + 60 * x, 60 + 80 * y, 90 + 40 * x * y], axis=-1).astype(np.uint8)
    image[: height // 3, : width // 3] = 250, 10, 10
    return Image.fromarray(image)


def saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    """The bytes of `image` in a format of Pillow's."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def heic() -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(photo()).save(buffer, quality=90)
    return buffer.getvalue()


def jpeg_turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(photo(), "JPEG", quality=95, exif=exif)


def jpeg_with_broken_exif() -> bytes:
    return saved(photo(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\x12" * 9)


def endless_jpeg(scans: int = 400, side: int = 4000) -> bytes:
    """A progressive JPEG whose last pass over its pixels comes again and again."""
    whole = saved(Image.new("L", (side, side)), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * scans + whole[-2:]


def endless_jpeg_in_disguise(scans: int = 200, side: int = 4000) -> bytes:
    """A progressive JPEG whose empty passes lie in what would be a segment, were FF 02 a marker:
    a decoder in search of the next restart reads them."""
    whole = saved(
        Image.new("L", (side, side)), "JPEG", progressive=True, restart_marker_blocks=side // 8
    )
    scan = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 63, 0)
    disguise = b"\xff\x02" + struct.pack(">H", 2 + scans * len(scan))
    return whole[:-2] + scan + disguise + scan * scans + whole[-2:]


def png_chunk(name: bytes, data: bytes) -> bytes:
    checked = name + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


def png_bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A valid black 1-bit PNG of 900 million pixels in about 110 kB."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def gif(frames: int = 3) -> bytes:
    colours = ["red", "green", "blue"]
    first, *others = (Image.new("RGB", (8, 8), colours[n % 3]) for n in range(frames))
    return saved(first, "GIF", save_all=True, append_images=others)


def grey_16_bit(value: int) -> Image.Image:
    return Image.fromarray(np.full((5, 7), value, np.uint16))


def transparent(mode: str) -> Image.Image:
    """Blue on the left, fully transparent black on the right (grey instead of blue for "LA")."""
    image = Image.new("RGBA", (8, 4), (0, 0, 255, 255))
    image.paste((0, 0, 0, 0), (4, 0, 8, 4))
    return image.convert(mode)


def palette_png() -> bytes:
    image = Image.new("P", (8, 4), 1)
    image.putpalette([0, 0, 0, 0, 0, 255])
    image.paste(0, (4, 0, 8, 4))
    return saved(image, "PNG", transparency=0)


def camera_raw() -> bytes:
    """A TIFF whose first picture says it is a preview, as DNG, NEF and ARW do."""
    return saved(photo(), "TIFF", tiffinfo={254: 1})


BROKEN: dict[str, Callable[[], bytes]] = {
    "empty.jpg": lambda: b"",
    "text.jpg": lambda: b"The free text in here is no picture.\n" * 20,
    "html.png": lambda: b"<!DOCTYPE html><title>404</title>",
    "truncated.jpg": lambda: saved(photo(256, 256), "JPEG", quality=95)[:2500],
    "truncated.png": lambda: saved(photo(256, 256), "PNG")[:-200],
    "only_signature.png": lambda: b"\x89PNG\r\n\x1a\n",
    "only_signature.jpg": lambda: b"\xff\xd8\xff",
    "broken_header.png": lambda: saved(photo(), "PNG").replace(b"IHDR", b"IHDX"),
    "truncated.heic": lambda: heic()[:-300],
    "truncated.webp": lambda: saved(photo(256, 256), "WEBP")[:-500],
    "bomb.png": png_bomb,
    "endless.jpg": endless_jpeg,
    "endless_in_disguise.jpg": endless_jpeg_in_disguise,
    "postscript.eps": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "drawing.svg": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "camera_raw.dng": camera_raw,
    "cut_short.mp4": lambda: clip_bytes(counting(30), "mp4")[:-600],
    "still_growing.mp4": lambda: clip_bytes(counting(30), "mp4").partition(b"moov")[0][:-4],
    "sound_only.mp4": sound_only,
    "list_of_others.m3u8": lambda: b"#EXTM3U\n#EXTINF:5,\n/etc/passwd\n#EXT-X-ENDLIST\n",
    "video.mp4": lambda: struct.pack(">I", 24) + b"ftypisom\0\0\2\0isommp41" + bytes(64),
    "video_named.jpg": lambda: b"\x1a\x45\xdf\xa3" + bytes(64),
}
"""File name -> what draws its bytes; none of them can be judged."""

ODD: dict[str, Callable[[], bytes]] = {
    "png_named.jpg": lambda: saved(photo(), "PNG"),
    "no_ending": lambda: saved(photo(), "JPEG"),
    "one_pixel.png": lambda: saved(Image.new("RGB", (1, 1), "red"), "PNG"),
    "cmyk.jpg": lambda: saved(photo().convert("CMYK"), "JPEG"),
    "grey_16_bit.png": lambda: saved(grey_16_bit(0x8000), "PNG"),
    "one_bit.png": lambda: saved(photo().convert("1"), "PNG"),
    "lab.tif": lambda: saved(Image.new("LAB", (4, 4), (255, 128, 128)), "TIFF"),
    "palette_transparent.png": palette_png,
    "grey_alpha.png": lambda: saved(transparent("LA"), "PNG"),
    "transparent.png": lambda: saved(transparent("RGBA"), "PNG"),
    "animated.gif": gif,
    "turned.jpg": lambda: jpeg_turned(6),
    "broken_exif.jpg": jpeg_with_broken_exif,
    "photo.heic": heic,
    "photo.avif": lambda: saved(photo(), "AVIF"),
    "line\nbreak.png": lambda: saved(photo(), "PNG"),
}
"""File name -> what draws its bytes; each of them can be judged."""


def cut_short_mkv() -> bytes:
    whole = clip_bytes(counting(40), "matroska", codec="ffv1")
    return whole[: len(whole) // 2]


def lying_mkv() -> bytes:
    """Three seconds that say they are three thousand."""
    whole = clip_bytes(counting(30), "matroska")
    return whole.replace(_mkv_length(3), _mkv_length(3000))


def _mkv_length(seconds: float) -> bytes:
    return b"\x44\x89\x88" + struct.pack(">d", 1000.0 * seconds)


CLIPS: dict[str, Callable[[], bytes]] = {
    "clip.mp4": lambda: clip_bytes(counting(30), "mp4"),
    "clip_named.jpg": lambda: clip_bytes(counting(30), "mp4"),
    "one_frame.mp4": lambda: clip_bytes(counting(1), "mp4"),
    "cut_short.mkv": cut_short_mkv,
    "lying.mkv": lying_mkv,
    "odd_stamps.mkv": lambda: clip_bytes(counting(4), "matroska", times_s=[0, 0.1, 9000, 9000.1]),
    "odd_size.avi": lambda: clip_bytes(counting(5, 62, 34), "avi", codec="mpeg4"),
    "moving.gif": lambda: gif(),
}
"""File name -> what draws its bytes; each of them is judged as a clip, whole or in part."""
MARKED = {
    "cut_short.mkv": "could be judged",
    "lying.mkv": "3000 s",
    "odd_stamps.mkv": "time stamps",
}
"""Those of which a part is lost -> what their warning says."""


def draw_all(folder: Path) -> dict[str, Path]:
    """Draws every file of BROKEN, ODD and CLIPS into `folder`. Returns name -> path."""
    paths = {}
    for name, draw in (BROKEN | ODD | CLIPS).items():
        paths[name] = folder / name
        paths[name].write_bytes(draw())
    return paths
