"""From a file to an upright picture."""

import os
import re
import stat
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from facetell.detect.jpeg import estimate_jpeg_quality
from facetell.detect.png import without_broken_notes
from facetell.detect.sniff import HEAD_BYTES, image_format, is_text, is_video
from facetell.errors import MediaError
from facetell.types import Kind, Picture, UInt8Array

MAX_PIXELS = 50_000_000
"""Largest picture decoded at full size; with it every format stays below 1 GiB of memory."""
MAX_BYTES = 400_000_000
"""Largest file opened: several decoders hold the whole file in memory."""
MAX_JPEG_WORK = 2_000_000_000
"""Largest number of pixels times scans of a JPEG: a small file can order thousands of passes."""
MAX_JPEG_SEGMENTS = 100_000
"""A photo has some dozens; walking over millions takes long."""
MAX_PAGES_COUNTED = 1000
"""A TIFF's pages are counted up to here: each one costs the reading of its directory."""

_MARKER, _SCAN, _END = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]"), 0xDA, 0xD9
"""Of a JPEG's segments that say how long they are, and of its end. Those below FF C0 are none:
what they call their content is read for more."""
_PIXEL_SHARE = {"WEBP": 0.75, "JPEG2000": 0.5}
"""Their decoders hold the picture four to six times over, so these get a share of MAX_PIXELS."""

FORMATS = "JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP, TIFF, JPEG 2000, PNM, TGA or ICO"
_STRIP_PIXELS = 250_000
"""A strip of so many stays in the processor's cache while it is converted."""
_HUGE_PIXELS = 12_000_000
_ONE_HUGE_AT_A_TIME = threading.Lock()
"""Decoding takes several times a picture's memory: threads do not decode huge ones together."""
T = TypeVar("T")


def media_kind(path: str | Path) -> Kind:
    """What the file is by its first bytes, never by its name; a moving GIF or WebP is an image.
    Clips of rare kinds are UNKNOWN until FFmpeg has looked at them.

    Raises MediaError where there is no file to look into.
    """
    with open_file(Path(path)) as file:
        head = _read_head(file)
    if image_format(head):
        return Kind.IMAGE
    return Kind.VIDEO if is_video(head) else Kind.UNKNOWN


def is_text_file(path: Path) -> bool:
    """Whether the file begins like a text. Raises MediaError where there is none."""
    with open_file(path) as file:
        return is_text(_read_head(file))


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
    with open_file(Path(path)) as file:
        _refuse_large(file)
        head = _read_head(file)
        name = image_format(head)
        if name is None:
            raise _no_picture(head)
        try:
            with QUIET:
                return _decode(file, name, max_pixels)
        except MediaError:
            raise
        except Exception as error:
            # Decoders fed with broken bytes raise nearly anything, from SyntaxError to
            # ZeroDivisionError; this is the one border at which all of it gets our words.
            raise translated(error) from error


def _decode(file: BinaryIO, name: str, max_pixels: int) -> Picture:
    with open_image(file, name) as image:
        huge = image.width * image.height > _HUGE_PIXELS
        with _ONE_HUGE_AT_A_TIME if huge else nullcontext():
            return _load(image, name, max_pixels)


def _load(image: ImageFile.ImageFile, name: str, max_pixels: int) -> Picture:
    original_wh = image.size
    reduced = _fit(image, max_pixels)
    image.load()
    if image.width * image.height > max_pixels:  # an ICO or HEIF may hold more than it says
        raise _too_large(max_pixels)
    turn = _side_fact(lambda: _orientation(image), 1)
    width, height = original_wh if reduced else image.size
    is_jpeg = isinstance(image, JpegImageFile)
    return Picture(
        image=np.ascontiguousarray(_TURNS[turn](to_rgb(image))),
        size_wh=(width, height) if turn < 5 else (height, width),
        format=image.format or name,
        jpeg_quality=_side_fact(lambda: _jpeg_quality(image), None) if is_jpeg else None,
        frames=_side_fact(lambda: _count_frames(image), 1),
    )


def open_file(path: Path) -> BinaryIO:
    """The regular file, opened; a pipe or device is refused unopened, for opening one can hang."""
    try:
        _refuse_no_file(path)
        return path.open("rb")
    except PermissionError as error:
        raise MediaError("permission denied", hint="make the file readable for you") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        if path.parts[:1] in (("http:",), ("https:",), ("file:",)):
            raise MediaError(
                "it is an address, not a file", hint="save it first: facetell works offline"
            ) from error
        if any(character in path.name for character in "*?["):
            raise MediaError("no file matches", hint="check the pattern") from error
        raise MediaError("no such file", hint="check the spelling of the path") from error
    except (OSError, ValueError) as error:  # links in a circle, a name too long or holding a NUL
        raise MediaError("the file cannot be opened", hint="check the path and the disk") from error


def _read_head(file: BinaryIO) -> bytes:
    try:
        return file.read(HEAD_BYTES)
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


def _refuse_large(file: BinaryIO) -> None:
    if os.fstat(file.fileno()).st_size > MAX_BYTES:
        raise MediaError(
            f"the file is larger than {MAX_BYTES // 1_000_000} MB", hint="make the picture smaller"
        )


def _no_picture(head: bytes) -> MediaError:
    if is_video(head):
        return MediaError(
            "it is a clip, not a picture", hint="name a picture, or let `facetell detect` judge it"
        )
    return MediaError("it is not a picture facetell can read", hint=f"save it as {FORMATS}")


def open_image(file: BinaryIO, name: str) -> ImageFile.ImageFile:
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
    image = Image.open(without_broken_notes(file) if name == "PNG" else file, formats=[name])
    if getattr(image, "tag_v2", {}).get(ExifTags.Base.NewSubfileType) == 1:
        raise MediaError(
            "it is a camera's raw file, of which only a small preview can be read",
            hint="develop it to a JPEG, PNG or TIFF first",
        )
    return image


def _refuse_endless(jpeg: JpegImageFile, file: BinaryIO) -> None:
    """A progressive JPEG passes over all its pixels once for each scan."""
    file.seek(0)
    most, scans = MAX_JPEG_WORK // max(1, jpeg.width * jpeg.height), 0
    for segments, marker in enumerate(_markers(file.read()), start=1):
        scans += marker == _SCAN
        if scans > most:
            size = f"{jpeg.width} x {jpeg.height}"
            raise _stalling(f"decoding it would take more than {most} passes over {size} pixels")
        if segments > MAX_JPEG_SEGMENTS:
            raise _stalling(f"it has more than {MAX_JPEG_SEGMENTS} segments")


def _stalling(reason: str) -> MediaError:
    return MediaError(
        reason, hint="the file is broken or made to stall programs; save it again as a plain JPEG"
    )


def _markers(data: bytes) -> Iterator[int]:
    """Of a JPEG's segments, up to its end: phones append a clip to a photo."""
    at = 2
    while (found := _MARKER.search(data, at)) and (marker := data[found.end() - 1]) != _END:
        yield marker
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])


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


def translated(error: Exception) -> MediaError:
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


QUIET = _Quiet()


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


def to_rgb(image: Image.Image) -> UInt8Array:
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
    return lambda strip: np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))


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
