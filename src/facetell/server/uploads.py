"""Uploads on their way to the disk: multipart parts become files, and limits hold as they come."""

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from facetell.detect.media import FORMATS
from facetell.detect.sniff import HEAD_BYTES, image_format, is_video
from facetell.server.problems import (
    NotReady,
    ProblemError,
    is_clip,
    malformed,
    too_large,
    unsupported,
)
from facetell.server.settings import Settings
from facetell.types import Kind

log = logging.getLogger(__name__)

MAX_NAME = 200
_ROOM_FOR_HEADERS = 1_000_000
DRAINED_BYTES = 32_000_000
"""How much of a refused upload is still read: a client that is cut off while it sends sees a broken
connection instead of the answer."""


@dataclass(frozen=True)
class Upload:
    """A file that arrived whole. name: as the client calls it, without folders."""

    path: Path
    name: str
    kind: Kind
    size: int


@dataclass
class _Part:
    """A part on its way."""

    header_name: bytes = b""
    header_value: bytes = b""
    disposition: bytes = b""
    name: str | None = None
    path: Path | None = None
    file: BinaryIO | None = None
    head: bytes = b""
    size: int = 0


async def receive(
    request: Request, settings: Settings, *, kinds: frozenset[Kind], max_files: int
) -> list[Upload]:
    """Write the files of a multipart/form-data body into `settings.uploads`.

    kinds: of files that are taken. Whoever calls owns the files and deletes them. Raises
    ProblemError, with nothing left on the disk, for a body that is none or exceeds a limit.
    """
    stream = request.stream()
    receiver = _Receiver(settings, kinds, max_files)
    try:
        _refuse_announced(request, settings.max_bytes * max_files)
        await receiver.read(_boundary(request), stream)
    except ProblemError:
        receiver.discard()
        if _announced_bytes(request) <= DRAINED_BYTES:
            await _drain(stream)
        raise
    except BaseException:
        receiver.discard()
        raise
    return receiver.uploads


async def make_durable(uploads: list[Upload], folder: Path) -> None:
    """Return when the files will outlive a power cut. Raises ProblemError when they cannot."""

    def sync() -> None:
        for upload in uploads:
            with upload.path.open("rb") as file:
                os.fsync(file.fileno())
        if os.name == "posix":  # elsewhere a folder cannot be opened
            entry = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(entry)
            finally:
                os.close(entry)

    with _answered():
        await asyncio.to_thread(sync)


def discard(uploads: list[Upload]) -> None:
    for upload in uploads:
        delete_upload(upload.path)


def delete_upload(path: Path) -> None:
    with suppress(OSError):  # open in a worker, on Windows: it is swept away later
        path.unlink()


@contextmanager
def _answered() -> Iterator[None]:
    """What the disk refuses is logged, and raised as a ProblemError."""
    try:
        yield
    except OSError as error:
        log.error("an upload cannot be kept", extra={"error": str(error)})
        raise NotReady("the server cannot keep the file; its log says why") from error


@dataclass
class _Receiver:
    """Takes a body chunk by chunk. Chunks are written where they come, on the event loop: they go
    into the page cache, which takes less time than changing threads would."""

    settings: Settings
    kinds: frozenset[Kind]
    max_files: int
    uploads: list[Upload] = field(default_factory=list)
    _part: _Part = field(default_factory=_Part)

    async def read(self, boundary: bytes, stream: AsyncIterator[bytes]) -> None:
        ended = False

        def end() -> None:
            nonlocal ended
            ended = True

        try:
            parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._open,
                    "on_part_data": self._write,
                    "on_part_end": self._close,
                    "on_end": end,
                },
            )
            with _answered():
                async for chunk in stream:
                    parser.write(chunk)
        except FormParserError as error:
            raise malformed("the body is no multipart/form-data") from error
        if not ended:
            raise malformed("the body ends before its last part does")
        if not self.uploads:
            raise malformed("the body holds no file: send one as a part with a filename")

    def discard(self) -> None:
        discard(self.uploads)
        if self._part.file and self._part.path:
            with suppress(OSError):  # what its buffer still held may have no room, either
                self._part.file.close()
            delete_upload(self._part.path)

    def _begin(self) -> None:
        self._part = _Part()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._part.header_name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.header_value += data[start:end]

    def _header_end(self) -> None:
        part = self._part
        if part.header_name.lower() == b"content-disposition":
            part.disposition = part.header_value
        part.header_name = part.header_value = b""

    def _open(self) -> None:
        _, options = parse_options_header(self._part.disposition)
        if b"filename" not in options:
            return  # a form field, which says nothing to us
        if len(self.uploads) == self.max_files:
            limit = ("max_files", self.max_files)
            raise malformed(f"at most {self.max_files} files are taken in a request", limit)
        self._part.name = _shown_name(options[b"filename"])
        self._part.path = self.settings.uploads / uuid.uuid4().hex
        self._part.file = self._part.path.open("xb")

    def _write(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        part.size += end - start
        if part.size > self.settings.max_bytes:
            raise too_large(part.name or "a form field", self.settings.max_bytes)
        if part.file is None or part.name is None:
            return
        if len(part.head) < HEAD_BYTES:
            part.head += data[start:end][: HEAD_BYTES - len(part.head)]
            if len(part.head) == HEAD_BYTES:
                self._kind()  # refused before the rest of it is read
        part.file.write(memoryview(data)[start:end])

    def _close(self) -> None:
        part = self._part
        if part.file is None or part.path is None or part.name is None:
            return
        kind = self._kind()
        part.file.close()
        self.uploads.append(Upload(part.path, part.name, kind, part.size))
        self._part = _Part()

    def _kind(self) -> Kind:
        """Of the part by its first bytes. Raises ProblemError when it is not wanted."""
        head, name = self._part.head, self._part.name
        kind = Kind.UNKNOWN
        if image_format(head):
            kind = Kind.IMAGE
        elif is_video(head):
            kind = Kind.VIDEO
        if kind in self.kinds:
            return kind
        if kind is Kind.VIDEO:
            raise is_clip(str(name))
        clips = ", or a clip such as MP4 or WebM" if Kind.VIDEO in self.kinds else ""
        raise unsupported(f"{name} is not a picture ({FORMATS}){clips}")


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise unsupported("send the files as multipart/form-data")
    return options[b"boundary"]


def _refuse_announced(request: Request, max_bytes: int) -> None:
    """Refuse by the announced length before anything is read: `curl` then sends nothing."""
    if _announced_bytes(request) > max_bytes + _ROOM_FOR_HEADERS:
        raise too_large("the request", max_bytes)


def _announced_bytes(request: Request) -> int:
    """Length of the body as its header says; 0 where it does not."""
    announced = request.headers.get("content-length", "")
    return int(announced) if announced.isdecimal() else 0


async def _drain(stream: AsyncIterator[bytes]) -> None:
    left = DRAINED_BYTES
    async for chunk in stream:
        left -= len(chunk)
        if left < 0:
            return


def _shown_name(filename: bytes) -> str:
    """The last part of a path of any system, printable, not too long."""
    text = filename.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
    printable = "".join(c if c.isprintable() else "_" for c in text)
    return printable[-MAX_NAME:] or "unnamed"
