"""Clips drawn in code: encoded here, so that every oddity is one a reader can see."""

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from facetell.types import UInt8Array
from tests.shared import EXAMPLES, noise_image

STAMP = Fraction(1, 1000)


def clip_bytes(images: Iterable[UInt8Array], container_format: str, **how: Any) -> bytes:
    """The bytes of a clip; how: as of `write_clip`."""
    buffer = io.BytesIO()
    write_clip(buffer, images, container_format=container_format, **how)
    return buffer.getvalue()


def write_clip(
    path: Path | io.BytesIO,
    images: Iterable[UInt8Array],
    fps: int = 10,
    codec: str = "libx264",
    times_s: Sequence[float] | None = None,
    turned_deg: int = 0,
    options: dict[str, str] | None = None,
    container_format: str | None = None,
    pix_fmt: str = "yuv420p",
    live: bool = False,
    index_first: bool = False,
) -> Path | io.BytesIO:
    """images: [H, W, 3] uint8 RGB each. times_s: of each frame, by default one after the other.
    turned_deg: counterclockwise, by which a player turns it upright. live: written as a stream
    whose end nobody knows yet. index_first: an MP4 that can be opened though its end is missing."""
    target = path if isinstance(path, io.BytesIO) else str(path)
    muxer = {"live": "1"} if live else {}
    if index_first:
        muxer["movflags"] = "faststart"
    with av.open(target, "w", format=container_format, options=muxer) as container:
        stream = container.add_stream(codec, rate=fps)
        for number, image in enumerate(images):
            if number == 0:
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else pix_fmt
                stream.options = options or {}
                if turned_deg:
                    stream.set_display_rotation(turned_deg)
                if times_s:
                    stream.codec_context.time_base = STAMP
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if times_s:
                frame.pts, frame.time_base = round(times_s[number] / STAMP), STAMP
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def sound_only() -> bytes:
    """An MP4 with a second of silence and nothing to see."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        for _ in range(10):
            silence = np.zeros((1, 4410), np.float32)
            frame = av.AudioFrame.from_ndarray(silence, "fltp", "mono")
            frame.sample_rate = 44100
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def counting(count: int, height: int = 64, width: int = 96) -> list[UInt8Array]:
    """Grey frames, each a little lighter than the one before: a frame's number can be read."""
    return [np.full((height, width, 3), 20 + 4 * n, np.uint8) for n in range(count)]


def number_in(image: UInt8Array) -> int:
    """Which frame of `counting` this is."""
    return round((float(image.mean()) - 20) / 4)


PORTRAITS = {"astronaut": (96, 0, 352, 256), "grace-hopper": (66, 20, 466, 420)}


def portrait(name: str = "astronaut") -> UInt8Array:
    """[256, 256, 3]: a photograph with one face."""
    with Image.open(EXAMPLES / f"real-{name}.jpg") as picture:
        crop = picture.convert("RGB").crop(PORTRAITS[name])
        return np.asarray(crop.resize((256, 256), Image.Resampling.BICUBIC))


def on_ground(*places: tuple[UInt8Array, int], width: int = 512, seed: int = 3) -> UInt8Array:
    """[256, width, 3]: pictures pasted on a soft ground, each with its left edge."""
    ground = noise_image(256, width, seed) // 4
    for image, left in places:
        start, end = max(0, left), min(width, left + image.shape[1])
        if end > start:
            ground[: image.shape[0], start:end] = image[:, start - left : end - left]
    return ground


def nodding(image: UInt8Array, count: int, step_px: int = 2) -> list[UInt8Array]:
    """A picture that moves to and fro, so that no frame repeats the one before."""
    return [np.roll(image, step_px * (1 + n % 7), axis=0) for n in range(count)]
