"""Files -> pictures: finds what a user named, tells its kind by content, decodes it upright."""

import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from facetell.errors import MediaError
from facetell.types import Kind, Picture, UInt8Array

MAX_PIXELS = 64_000_000
"""Largest picture decoded at full size; with it every format stays below 1 GiB of memory."""
MAX_BYTES = 400_000_000
"""Largest file opened: several decoders hold the whole file in memory."""
MAX_JPEG_WORK = 2_000_000_000
"""Largest number of pixels times scans of a JPEG: a small file can order thousands of passes."""
MAX_PAGES_COUNTED = 1000
"""A TIFF's pages are counted up to here: each one costs the reading of its directory."""

_PIXEL_SHARE = {"WEBP": 0.75, "JPEG2000": 0.5}
"""Their decoders hold the picture four to six times over, so these get a share of MAX_PIXELS."""

FORMATS = "JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP, TIFF, JPEG 2000, PNM, TGA or ICO"
_HEAD_BYTES = 4096
_STRIP_PIXELS = 2_000_000
_UNSEEN = {"thumbs.db", "desktop.ini"}
T = TypeVar("T")


# ---------------------------------------------------------------------------- finding files


def find_media(paths: Iterable[str | Path]) -> Iterator[Path]:
    """The files that `paths` name, each real file once, in sorted order within each path.

    Folders are searched through and through (links too; loops end), and a pattern with `*`, `?`,
    `[` or `**` that is no existing name is expanded. Every file of a folder is given, whatever it
    is, save hidden ones. What cannot be found or opened is given as well (a missing file, a pattern
    without match, a folder that is empty or locked): `read_picture` then says why.
    """
    seen: set[str] = set()
    for path in map(Path, paths):
        for found in _expand(path):
            identity = _identity(found)
            if identity not in seen:
                seen.add(identity)
                yield found


def _expand(path: Path) -> Iterator[Path]:
    starts = [path] if os.path.lexists(path) or not _has_magic(str(path)) else _match(path)
    found_any = False
    for start in starts:
        for file in _walk(start):
            found_any = True
            yield file
    if not found_any:
        yield path


def _walk(start: Path) -> Iterator[Path]:
    """Files below `start` (or `start` itself), depth first by name; each folder is entered once."""
    entered: set[tuple[int, int]] = set()
    stack = [start]
    while stack:
        path = stack.pop()
        if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a parent is locked
            yield path
            continue
        try:
            status = path.stat()
            children = sorted(path.iterdir(), reverse=True)
        except OSError:
            yield path
            continue
        if (status.st_dev, status.st_ino) not in entered:
            entered.add((status.st_dev, status.st_ino))
            stack.extend(child for child in children if not _is_hidden(child.name))


def _match(pattern: Path) -> list[Path]:
    """What a pattern stands for; Path.glob, unlike glob.glob, does not follow links into loops."""
    root, parts = Path(pattern.anchor), list(pattern.relative_to(pattern.anchor).parts)
    while parts and (not _has_magic(parts[0]) or os.path.lexists(root / parts[0])):
        root /= parts.pop(0)
    try:
        matches = sorted(root.glob(str(Path(*parts))))
    except (OSError, ValueError):
        return []
    return [match for match in matches if not any(map(_is_hidden, match.relative_to(root).parts))]


def _has_magic(name: str) -> bool:
    return any(character in name for character in "*?[")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _UNSEEN


def _identity(path: Path) -> str:
    try:
        return os.path.normcase(os.path.realpath(path))
    except (OSError, ValueError):
        return str(path)


# ---------------------------------------------------------------------------- telling the kind

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


def media_kind(path: str | Path) -> Kind:
    """What the file is by its first bytes, never by its name; a moving GIF or WebP is an image.

    Raises MediaError where there is no file to look into.
    """
    with _open_file(Path(path)) as file:
        head = _read_head(file)
    if _image_format(head):
        return Kind.IMAGE
    return Kind.VIDEO if _is_video(head) else Kind.UNKNOWN


def _image_format(head: bytes) -> str | None:
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


def _is_video(head: bytes) -> bool:
    if head[4:8] in _MOVIE_BOXES:
        # The box's length comes first; a text ("The free ...") has letters there.
        return head[:1] < b" " and head[8:12] not in _NO_VIDEO_BRANDS
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    return head.startswith(_VIDEO_SIGNATURES) or _is_transport_stream(head)


def _is_transport_stream(head: bytes) -> bool:
    """MPEG-TS: a sync byte every 188 bytes, or every 192 after a time stamp (M2TS)."""
    return any(
        len(head) > start + 2 * step and all(head[start + n * step] == 0x47 for n in range(3))
        for start, step in ((0, 188), (4, 192))
    )


# ---------------------------------------------------------------------------- reading a picture


def read_picture(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """The (first) picture in the file, upright by its EXIF, as [H, W, 3] uint8 RGB.

    Transparent pixels lie over white; colour profiles are ignored; 16-bit values keep their upper
    8 bits; floats are taken as 0..1 where none is above 1, else as 0..255. A TIFF's pages are
    counted up to MAX_PAGES_COUNTED.

    A baseline JPEG of up to 4 x `max_pixels` is decoded at reduced scale; any other picture above
    `max_pixels` is refused before decoding (WebP above 3/4 and JPEG 2000 above 1/2 of it; all but
    JPEG and HEIF also above Pillow's own limit of 89 million).

    Raises MediaError, whose text never holds the path, for whatever keeps it from being read.
    """
    with _open_file(Path(path)) as file:
        head = _read_head(file)
        name = _image_format(head)
        if name is None:
            raise _no_picture(head)
        try:
            with _QUIET:
                return _decode(file, name, max_pixels)
        except MediaError:
            raise
        except Exception as error:
            # Decoders fed with broken bytes raise nearly anything, from SyntaxError to
            # ZeroDivisionError; this is the one border at which all of it gets our words.
            raise _translated(error) from error


def _decode(file: BinaryIO, name: str, max_pixels: int) -> Picture:
    with _open_image(file, name) as image:
        original_wh = image.size
        reduced = _fit(image, max_pixels)
        image.load()
        if image.width * image.height > max_pixels:  # an ICO or HEIF may hold more than it says
            raise _too_large(max_pixels)
        turn = _side_fact(lambda: _orientation(image), 1)
        width, height = original_wh if reduced else image.size
        is_jpeg = isinstance(image, JpegImageFile)
        return Picture(
            image=np.ascontiguousarray(_TURNS[turn](_rgb(image))),
            size_wh=(width, height) if turn < 5 else (height, width),
            format=image.format or name,
            jpeg_quality=_side_fact(lambda: _jpeg_quality(image), None) if is_jpeg else None,
            frames=_side_fact(lambda: _count_frames(image), 1),
        )


def _open_file(path: Path) -> BinaryIO:
    """The regular file, opened; a pipe or device is refused unopened, for opening one can hang."""
    try:
        _refuse_no_file(path)
        return path.open("rb")
    except PermissionError as error:
        raise MediaError("permission denied", hint="make the file readable for you") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MediaError("no such file", hint="check the spelling of the path") from error
    except (OSError, ValueError) as error:  # links in a circle, a name too long or holding a NUL
        raise MediaError("the file cannot be opened", hint="check the path and the disk") from error


def _read_head(file: BinaryIO) -> bytes:
    try:
        return file.read(_HEAD_BYTES)
    except OSError as error:
        raise MediaError("the file cannot be read", hint="check the disk") from error


def _refuse_no_file(path: Path) -> None:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        next(path.iterdir(), None)  # PermissionError where the folder is locked
        raise MediaError(
            "it is a folder, and no picture was found in it",
            hint="name a picture, or a folder that holds some",
        )
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(
            "it is a pipe, socket or device, not a file", hint="save the picture to a file first"
        )
    if status.st_size == 0:
        raise MediaError("the file is empty", hint="copy or download it again")
    if status.st_size > MAX_BYTES:
        raise MediaError(
            f"the file is larger than {MAX_BYTES // 1_000_000} MB", hint="make the picture smaller"
        )


def _no_picture(head: bytes) -> MediaError:
    if _is_video(head):
        return MediaError(
            "it looks like a video, and this version judges pictures only",
            hint="save single frames of it as pictures and judge those",
        )
    return MediaError("it is not a picture facetell can read", hint=f"save it as {FORMATS}")


def _open_image(file: BinaryIO, name: str) -> ImageFile.ImageFile:
    """The picture with its header read. JPEG and HEIF go past Image.open, which would refuse a
    large JPEG that can be decoded smaller, and learns HEIF only by a change to its registry.
    """
    file.seek(0)
    if name == "JPEG":
        jpeg = JpegImageFile(file)
        _refuse_endless(jpeg, file)
        return jpeg
    if name == "HEIF":
        from pillow_heif import HeifImageFile  # slow to load, seldom needed

        open_heif: Callable[[BinaryIO], ImageFile.ImageFile] = HeifImageFile
        return open_heif(file)
    image = Image.open(file, formats=[name])
    if getattr(image, "tag_v2", {}).get(ExifTags.Base.NewSubfileType) == 1:
        raise MediaError(
            "it is a camera's raw file, of which only a small preview can be read",
            hint="develop it to a JPEG, PNG or TIFF first",
        )
    return image


def _refuse_endless(jpeg: JpegImageFile, file: BinaryIO) -> None:
    """A progressive JPEG passes over all its pixels once for each scan (marker FF DA)."""
    file.seek(0)
    scans = file.read().count(b"\xff\xda")
    if scans * jpeg.width * jpeg.height > MAX_JPEG_WORK:
        raise MediaError(
            f"decoding it would take {scans} passes over {jpeg.width} x {jpeg.height} pixels",
            hint="the file is broken or made to stall programs; save it again as a plain JPEG",
        )


def _fit(image: ImageFile.ImageFile, max_pixels: int) -> bool:
    """Refuse too many pixels. Returns whether the picture will be decoded at reduced scale."""
    width, height = image.size
    limit = int(max_pixels * _PIXEL_SHARE.get(image.format or "", 1))
    if width * height <= limit:
        return False
    # A progressive JPEG is held whole as coefficients, at whatever scale it is decoded.
    is_baseline = isinstance(image, JpegImageFile) and "progressive" not in image.info
    if not is_baseline or width * height > 4 * max_pixels:
        raise _too_large(limit)
    scale = next(s for s in (2, 4, 8) if -(-width // s) * -(-height // s) <= max_pixels)
    image.draft(None, (max(1, width // scale), max(1, height // scale)))
    return True


def _too_large(limit: int) -> MediaError:
    return MediaError(
        "the picture has too many pixels",
        hint=f"make it smaller: at most {limit / 1e6:g} million, for a plain JPEG 4 times that",
    )


def _translated(error: Exception) -> MediaError:
    text = str(error).lower()
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return _too_large(MAX_PIXELS)
    if isinstance(error, MemoryError):
        return MediaError("there is not enough memory to decode it", hint="make it smaller")
    if isinstance(error, EOFError) or any(sign in text for sign in ("truncated", "not enough")):
        return MediaError(
            "the file is cut short: it ends before the picture does",
            hint="copy or download it again",
        )
    return MediaError(
        "the file is damaged, or of a rare kind that facetell cannot read",
        hint="open it in a picture editor and save it again as PNG or JPEG",
    )


class _Quiet:
    """Silences the decoders' warnings while any thread reads; the bomb warning becomes an error.

    `warnings.catch_warnings` swaps state of the whole process: were each thread to enter it for
    itself, one that leaves late would bring back the silence of another for good.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._stack = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._readers == 0:
                self._stack.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", Image.DecompressionBombWarning)
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                self._stack.close()


_QUIET = _Quiet()


# ---------------------------------------------------------------------------- side facts


def _side_fact(read: Callable[[], T], otherwise: T) -> T:
    """What `read` gives, or `otherwise`: broken EXIF must not cost a readable picture."""
    try:
        return read()
    except Exception:
        return otherwise


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1..8."""
    value = image.getexif().get(ExifTags.Base.Orientation, 1)
    return int(value) if value in _TURNS else 1


def _count_frames(image: ImageFile.ImageFile) -> int:
    if image.format != "TIFF":
        return int(getattr(image, "n_frames", 1))
    count = 1
    while getattr(image, "is_animated", False) and count < MAX_PAGES_COUNTED:
        try:
            image.seek(count)
        except EOFError:
            break
        count += 1
    return count


def _jpeg_quality(image: Any) -> float | None:
    tables: dict[int, Sequence[int]] = image.quantization
    return estimate_jpeg_quality(tables[min(tables)]) if tables else None


def estimate_jpeg_quality(table: Sequence[int]) -> float:
    """IJG quality, 1..100, whose luminance table lies nearest to `table`.

    table: 64 values in natural (row by row) order, as Pillow's `Image.quantization` gives them.
    Exact for what libjpeg wrote; for other encoders' tables the nearest equivalent.
    Raises ValueError where there are not 64 values.
    """
    values = np.asarray(table, np.int64)
    if values.shape != (64,):
        raise ValueError("a quantisation table has 64 values")
    return float(np.abs(_ijg_tables() - values).sum(axis=1).argmin() + 1)


@cache
def _ijg_tables() -> npt.NDArray[np.int64]:
    """[100, 64] luminance tables of quality 1..100: jpeg_quality_scaling in libjpeg's jcparam.c."""
    quality = np.arange(1, 101, dtype=np.int64)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables: npt.NDArray[np.int64] = np.clip(
        (scale[:, None] * np.array(_ANNEX_K) + 50) // 100, 1, 255
    )
    return tables


# ITU-T T.81, table K.1: the standard luminance table, quality 50.
# fmt: off
_ANNEX_K = (
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)
# fmt: on


# ---------------------------------------------------------------------------- pixels


def _rgb(image: Image.Image) -> UInt8Array:
    """[H, W, 3] uint8 RGB, converted strip by strip: whole copies would double the memory."""
    width, height = image.size
    convert = _converter(image)
    rgb = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        rgb[top : top + rows] = convert(strip)
    return rgb


def _converter(image: Image.Image) -> Callable[[Image.Image], npt.NDArray[Any]]:
    """How strips of `image` become [h, w, 3] RGB or [h, w, 1] grey: one rule for all of them."""
    if image.mode.startswith("I"):  # 16-bit values; mode "I" holds them in 32 bits
        return lambda strip: np.clip(np.asarray(strip)[..., None], 0, 65535) >> 8
    if image.mode == "F":
        factor = 255 if np.max(image.getextrema()) <= 1 else 1
        return lambda strip: np.clip(np.nan_to_num(np.asarray(strip) * factor), 0, 255)[..., None]
    if image.mode == "LAB":
        return _lab_to_rgb
    if image.has_transparency_data:
        return _over_white
    return lambda strip: np.asarray(strip.convert("RGB"))


def _over_white(strip: Image.Image) -> UInt8Array:
    rgba = strip.convert("RGBA")
    white = Image.new("RGB", strip.size, "white")
    white.paste(rgba, mask=rgba)
    return np.asarray(white)


def _lab_to_rgb(strip: Image.Image) -> UInt8Array:
    from PIL import ImageCms  # loads a colour engine that hardly any picture needs

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(lab, srgb, "LAB", "RGB")
    return np.asarray(transform.apply(strip))


_TURNS: dict[int, Callable[[UInt8Array], UInt8Array]] = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).swapaxes(0, 1),
    8: lambda image: np.rot90(image),
}
"""EXIF orientation -> what makes [H, W, 3] upright."""
