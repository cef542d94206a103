"""Frames of labelled clips as pictures, so that everything that takes pictures takes clips."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from facetell.data.manifest import Sample
from facetell.detect.frames import at
from facetell.detect.reading import open_media
from facetell.detect.scan import scan
from facetell.errors import MediaError
from facetell.types import Frame, Picture

UNKNOWN_LENGTH_S = 10.0
"""Taken for the length of a clip that does not say how long it is."""


def extract_frames(
    samples: Sequence[Sample],
    folder: Path,
    per_clip: int,
    *,
    threads: int = 1,
    on_progress: Callable[[int], None] = lambda done: None,
) -> tuple[list[Sample], list[str]]:
    """Write up to `per_clip` frames of each clip as PNG, evenly over its length, a folder per clip.

    Each frame is a sample with the label, split, source, generator and group of its clip. Returns
    them, and for each clip left out a line that says why. Clips whose frames lie there already
    are not read again.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def extract(sample: Sample) -> list[Path] | str:
        try:
            return _written(sample.path, folder, per_clip)
        except MediaError as error:
            return str(error)

    first = {sample.path: sample for sample in reversed(samples)}
    repeated = [sample for sample in samples if first[sample.path] is not sample]
    samples = [sample for sample in samples if first[sample.path] is sample]
    frames, left_out = [], [f"{sample.path}: named in an earlier row" for sample in repeated]
    for done, found in enumerate(scan(samples, extract, threads), start=1):
        sample = samples[done - 1]
        if isinstance(found, str):
            left_out.append(f"{sample.path}: {found}")
        else:
            frames += [replace(sample, path=path) for path in found]
        on_progress(done)
    return frames, left_out


def _written(clip: Path, folder: Path, per_clip: int) -> list[Path]:
    """The frames of one clip: all that it has, or none."""
    own = folder / f"{clip.stem[:60]}-{zlib.crc32(str(clip).encode()):08x}-{per_clip}"
    if not own.is_dir():
        beside = own.with_name(f"{own.name}.part")  # names of clips may hold dots
        beside.mkdir(exist_ok=True)
        for number, frame in enumerate(_spread(clip, per_clip)):
            picture = Image.fromarray(frame.picture.image)
            picture.save(beside / f"{number:03}.png", compress_level=1)
        beside.replace(own)
    return sorted(own.glob("*.png"))


def _spread(clip: Path, count: int) -> Iterator[Frame]:
    """Frames in the middle of equal parts of a clip's length. Raises MediaError where none is."""
    with open_media(clip) as media:
        if isinstance(media, Picture):
            raise MediaError("it is a picture, not a clip", hint="give clips")
        length_s = media.facts.duration_s or UNKNOWN_LENGTH_S
        found = False
        for frame in media.frames(at((part + 0.5) * length_s / count for part in range(count))):
            found = True
            yield frame
        if not found:
            raise MediaError("no frame of it can be decoded", hint="copy or download it again")
