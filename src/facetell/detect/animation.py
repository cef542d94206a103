"""Moving GIF, WebP, PNG and AVIF pictures as clips, decoded by Pillow as stills are."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ImageFile

from facetell.detect.cuts import CutFinder, thumb_of
from facetell.detect.frames import OUT_OF_TIME, ClipFacts, Due, Losses
from facetell.detect.media import QUIET, open_file, open_image, to_rgb, translated
from facetell.types import Frame, Picture

MOVING = ("GIF", "WEBP", "PNG", "AVIF")
"""Formats whose frames follow each other in time; a TIFF's pages do not."""
SHORTEST_S, USUAL_S = 0.02, 0.1
"""Frames that are to be shown for less than the first are shown for the second, as browsers do."""


class Animation:
    """An animated picture opened for reading; a `Clip`."""

    def __init__(self, image: ImageFile.ImageFile, deadline: float) -> None:
        self._image = image
        self._deadline = deadline
        self.facts = ClipFacts(str(image.format), str(image.format))
        self.losses = Losses()

    def frames(self, due: Due, sparse: bool = False) -> Iterator[Frame]:
        cuts, after_cut = CutFinder(), False
        now, wanted = 0.0, due(-1.0)
        for number in range(getattr(self._image, "n_frames", 1)):
            if wanted is None:
                self.losses.stopped = True
                return
            if time.monotonic() > self._deadline:
                self.losses.broken_off = OUT_OF_TIME
                return
            shown_s = self._decode(number)
            if shown_s is None:
                return
            picture = self._picture()
            after_cut |= cuts.is_cut(thumb_of(picture.image))
            if now >= wanted:
                yield Frame(now, picture, after_cut)
                wanted, after_cut = due(now), False
            now += shown_s

    def _decode(self, number: int) -> float | None:
        """Returns how long the frame is shown, None where it is broken."""
        try:
            with QUIET:
                self._image.seek(number)
                self._image.load()
        except Exception as error:  # as in `read_picture`: decoders raise nearly anything
            self.losses.broken_off = translated(error).args[0]
            return None
        shown_s = float(self._image.info.get("duration", 0)) / 1000
        return shown_s if shown_s >= SHORTEST_S else USUAL_S

    def _picture(self) -> Picture:
        image = np.ascontiguousarray(to_rgb(self._image))
        return Picture(image, (image.shape[1], image.shape[0]), self.facts.format)


@contextmanager
def open_animation(path: Path, name: str, deadline: float) -> Iterator[Animation]:
    """name: of the format, one of MOVING. deadline: reading ends at this `time.monotonic()`."""
    with open_file(path) as file, open_image(file, name) as image:
        yield Animation(image, deadline)
