"""Videos as streams of frames, decoded by FFmpeg (PyAV); a few frames at most are in memory.

FFmpeg reads through a file that we opened, and only by the readers listed here: whatever a file
says, no other file and no address is opened.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from facetell.detect.cuts import THUMB_WH, CutFinder
from facetell.detect.frames import OUT_OF_TIME, USUAL_FPS, ClipFacts, Due, Losses
from facetell.detect.media import FORMATS, MAX_PIXELS, media_kind, open_file
from facetell.errors import MediaError
from facetell.types import Frame, Kind, Picture, UInt8Array

CONTAINERS = {
    "mov,mp4,m4a,3gp,3g2,mj2": "MP4/MOV",
    "matroska,webm": "Matroska/WebM",
    "avi": "AVI",
    "mpegts": "MPEG-TS",
    "mpeg": "MPEG-PS",
    "mpegvideo": "MPEG video",
    "asf": "ASF",
    "flv": "FLV",
    "ogg": "Ogg",
    "mxf": "MXF",
    "rm": "RealMedia",
    "wtv": "WTV",
    "nut": "NUT",
    "dv": "DV",
    "gxf": "GXF",
    "ivf": "IVF",
    "yuv4mpegpipe": "YUV4MPEG",
    "h264": "H.264",
    "hevc": "HEVC",
    "obu": "AV1",
    "m4v": "MPEG-4 video",
}
"""FFmpeg's readers that may try a file -> what people call it. Left out on purpose: playlists and
scripts (HLS, DASH, concat, SDP), which make FFmpeg open other files and addresses."""

JOINED = {"mpegts", "mpeg"}
"""Of these those that are simply written one behind the other: their stamps begin anew."""
MAX_SIDE_PX = 3840
"""Frames with a longer side are decoded to a whole fraction of their size."""
LEAST_FPS_SPARSE = 20.0
"""In slower clips each frame counts."""
SEEK_FROM_S = 5.0
"""A wait for the next frame from which a jump to the key frame before it may be quicker."""
LATE_FROM_S = 0.5
"""Pictures that begin so long after the sound are late; by less, most files differ."""
LONGEST_STEP_S = 600.0
"""A longer step from one frame to the next is a broken time stamp."""
_OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "none"}


class Video:
    """A video opened for reading; a `Clip`."""

    def __init__(self, container: Any, stream: Any, deadline: float) -> None:
        self._container = container
        self._stream = stream
        self._deadline = deadline
        self._start_s = _start_s(stream) - _late_s(container, stream)
        self._last_s: float | None = None
        self._step_s = float("inf")  # from one frame to the next, as last stamped
        self._shown_to_s = 0.0
        # What stamps lack to the time in the clip, now and before they last began anew.
        self._shifts_s = (0.0, 0.0)
        # Where frames are just counted, none may be passed over; where one stamp may stand for two
        # moments, a jump may end at the wrong one.
        self._is_stamped = stream.start_time is not None
        self._may_jump = self._is_stamped and container.format.name not in JOINED
        # One for each size: made anew for every frame, FFmpeg's filters cost more than they do.
        self._to_rgb, self._to_thumb = VideoReformatter(), VideoReformatter()
        self.facts = _facts(container, stream)
        self.losses = Losses()

    def frames(self, due: Due, sparse: bool = False) -> Iterator[Frame]:
        given_s, wanted_s = -1.0, due(-1.0)
        if sparse and self._is_stamped and (self.facts.fps or 0) >= LEAST_FPS_SPARSE:
            self._stream.codec_context.skip_frame = "NONREF"
        self._jump(0.0, wanted_s)
        cuts, after_cut = CutFinder(), False
        for time_s, frame, thumb in self._decoded():
            if wanted_s is None:
                self.losses.stopped = True
                return
            after_cut |= cuts.is_cut(thumb)
            if time_s <= given_s:  # no key frame lies between what was given and what is wanted
                self._may_jump, after_cut = False, False
            elif time_s >= wanted_s:
                yield Frame(time_s, self._picture(frame), after_cut)
                given_s, wanted_s, after_cut = time_s, due(time_s), False
                if self._jump(time_s, wanted_s):
                    cuts.forget()
        self._tell_missing_end(wanted_s)

    def _decoded(self) -> Iterator[tuple[float, Any, UInt8Array]]:
        """Times, frames and their thumbs, from wherever the file is read.

        Behind a damaged one FFmpeg mends what it can, and what it drew must not pass for evidence:
        up to the next key frame nothing is given.
        """
        whole = True
        for packet in self._packets():
            if time.monotonic() > self._deadline:
                self.losses.broken_off = OUT_OF_TIME
                return
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.losses.damaged += 1
                whole = False
                continue
            for frame in frames:
                self._last_s = self._time_of(frame)
                shown_s = float((frame.duration or 0) * frame.time_base)
                self._shown_to_s = self._last_s + shown_s
                thumb = None if frame.is_corrupt else self._thumb(frame)
                whole = thumb is not None and (whole or bool(frame.key_frame))
                if thumb is not None and whole:
                    yield self._last_s, frame, thumb
                else:
                    self.losses.damaged += 1

    def _packets(self) -> Iterator[Any]:
        try:
            yield from self._container.demux(self._stream)
        except (av.FFmpegError, OSError):
            self.losses.broken_off = "the rest of the file cannot be read"

    def _time_of(self, frame: Any) -> float:
        """Since the beginning; one frame after the last where the stamp makes no sense: not further
        than the last step, lest the next true stamp lie behind the guess.

        Stamps that begin anew, as in joined recordings, go on from there; after a single wrong one
        those before it go on.
        """
        stamp = None if frame.pts is None else float(frame.pts * frame.time_base) - self._start_s
        if self._last_s is None:
            return max(0.0, stamp or 0.0)
        if stamp is not None:
            times = (stamp + shift for shift in self._shifts_s)
            onward = [s for s in times if self._last_s < s <= self._last_s + LONGEST_STEP_S]
            if onward:
                self._step_s = min(onward) - self._last_s
                return min(onward)
        self.losses.estimated += 1
        guess = self._last_s + min(self._step_s, 1 / (self.facts.fps or USUAL_FPS))
        if stamp is not None:
            self._shifts_s = (guess - stamp, self._shifts_s[0])
        return guess

    def _jump(self, now_s: float, wanted_s: float | None) -> bool:
        """Go on from the key frame before the time wanted, where that may be quicker; returns
        whether it does."""
        if wanted_s is None or wanted_s - now_s < SEEK_FROM_S or not self._may_jump:
            return False
        stamp = int((wanted_s + self._start_s) / self._stream.time_base)
        try:
            self._container.seek(stamp, stream=self._stream)
            self._last_s = None
        except (av.FFmpegError, OverflowError):
            self._may_jump = False
        return self._may_jump

    def _picture(self, frame: Any) -> Picture:
        turns = round(frame.rotation / 90)
        size_wh = (frame.width, frame.height) if turns % 2 == 0 else (frame.height, frame.width)
        smaller = -(-max(size_wh) // MAX_SIDE_PX)
        pixels = _rgb(frame, (frame.width // smaller, frame.height // smaller), self._to_rgb)
        return Picture(np.ascontiguousarray(np.rot90(pixels, turns)), size_wh, self.facts.format)

    def _thumb(self, frame: Any) -> UInt8Array | None:
        """None where the frame is too large, or of pixels that cannot be made RGB."""
        if frame.width * frame.height > MAX_PIXELS:
            return None
        try:
            return _rgb(frame, THUMB_WH, self._to_thumb)
        except (av.FFmpegError, ValueError):
            return None

    def _tell_missing_end(self, wanted_s: float | None) -> None:
        """A file that is cut short, still growing or lying says how long it is all the same.

        wanted_s: what nothing came for; behind a jump to where the file holds nothing, all that is
        known of its end is that it lies before.
        """
        length_s = self.facts.duration_s
        near_s = max(1.0, 0.05 * length_s) if length_s else 0.0
        ends_s = wanted_s if self._last_s is None else self._shown_to_s
        if length_s and ends_s is not None and ends_s < length_s - near_s:
            self.losses.broken_off = self.losses.broken_off or (
                f"its pictures end there, though the file says that it is {length_s:.0f} s long"
            )


def _rgb(frame: Any, size_wh: tuple[int, int], reformatter: VideoReformatter) -> UInt8Array:
    """[h, w, 3] uint8 RGB, antialiased where it gets smaller."""
    width, height = size_wh
    resized = reformatter.reformat(frame, width, height, "rgb24", interpolation="AREA")
    return np.asarray(resized.to_ndarray(), np.uint8)


@contextmanager
def open_video(path: Path, threads: int, deadline: float) -> Iterator[Video]:
    """threads: processor threads for decoding. deadline: reading ends at this `time.monotonic()`.

    Raises MediaError when it is no video, has no pictures, or cannot be opened.
    """
    with open_file(path) as file:
        try:
            container = open_container(file)
        except Exception as error:  # fed with broken bytes, FFmpeg and PyAV raise many types
            raise _unopened(path) from error
        with container:
            yield Video(container, _picture_stream(container, threads), deadline)


def open_container(file: BinaryIO) -> Any:
    """FFmpeg's view of an open file. Raises whatever FFmpeg and PyAV raise."""
    return av.open(file, options=_OPTIONS, metadata_errors="replace")


def _picture_stream(container: Any, threads: int) -> Any:
    """The first stream that moves: a song's cover does not."""
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not moving:
        raise MediaError(
            "it holds no moving pictures, only sound", hint="name a clip with pictures"
        )
    stream = moving[0]
    decoder = stream.codec_context
    if decoder is None:
        raise MediaError("its pictures are coded in a way unknown here", hint="convert it to MP4")
    if decoder.width * decoder.height > MAX_PIXELS:
        raise MediaError(
            f"its frames have {decoder.width} x {decoder.height} pixels", hint="make it smaller"
        )
    decoder.thread_type = "AUTO"
    decoder.thread_count = threads
    return stream


def _facts(container: Any, stream: Any) -> ClipFacts:
    duration = stream.duration and float(stream.duration * stream.time_base)
    if duration:
        duration += _late_s(container, stream)
    duration = duration or (container.duration and container.duration / av.time_base)
    rate = stream.average_rate or stream.guessed_rate
    return ClipFacts(
        format=CONTAINERS[container.format.name],
        codec=stream.codec_context.codec.canonical_name,
        duration_s=round(float(duration), 3) if duration and duration > 0 else None,
        fps=round(float(rate), 3) if rate else None,
    )


def _start_s(stream: Any) -> float:
    return float((stream.start_time or 0) * stream.time_base)


def _late_s(container: Any, stream: Any) -> float:
    """How long the sound, by which players count, goes before the pictures begin."""
    late_s = _start_s(stream) - (container.start_time or 0) / av.time_base
    return late_s if stream.start_time is not None and late_s >= LATE_FROM_S else 0.0


def _unopened(path: Path) -> MediaError:
    if media_kind(path) is Kind.VIDEO:
        return MediaError(
            "the clip is damaged, cut short or still being written",
            hint="wait until it is finished, or copy or download it again",
        )
    return MediaError(
        "it is neither a picture nor a clip that facetell can read",
        hint=f"save a picture as {FORMATS}, a clip as MP4 or WebM",
    )
