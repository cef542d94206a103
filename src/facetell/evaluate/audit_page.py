"""An audit as one self-contained page: no script, no outside resource."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from facetell.data.manifest import Sample
from facetell.detect.media import read_picture
from facetell.detect.page import data_url
from facetell.errors import MediaError
from facetell.evaluate.audit import MAX_PROBE, Audit
from facetell.evaluate.page import render

THUMBNAILS = 12
THUMBNAIL_PX = 96


def audit_page(audit: Audit, samples: Sequence[Sample], recognised: str) -> str:
    """The page, with thumbnails of every source."""
    return render(
        "audit.html",
        audit=audit,
        recognised=recognised,
        max_probe=MAX_PROBE,
        sources=contact_sheets(samples),
    )


@dataclass(frozen=True)
class ContactSheet:
    """Some pictures of one source. label: "real" or "fake". splits: how many of each split.
    thumbnails: as data URLs."""

    source: str
    label: str
    splits: dict[str, int]
    thumbnails: list[str]

    @property
    def pictures(self) -> int:
        return sum(self.splits.values())


def contact_sheets(samples: Sequence[Sample]) -> list[ContactSheet]:
    """One for every label and source; what cannot be read is left out."""
    by_source: defaultdict[tuple[int, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        by_source[sample.label, sample.source].append(sample)
    return [
        ContactSheet(
            source=source,
            label=("real", "fake")[label],
            splits=dict(sorted(Counter(sample.split for sample in members).items())),
            thumbnails=_thumbnails(members[:: max(1, len(members) // THUMBNAILS)]),
        )
        for (label, source), members in sorted(by_source.items())
    ]


def _thumbnails(samples: Sequence[Sample]) -> list[str]:
    urls = []
    for sample in samples[:THUMBNAILS]:
        try:
            image = Image.fromarray(read_picture(sample.path).image)
        except MediaError:
            continue
        image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        urls.append(data_url(image))
    return urls
