"""Read labelled pictures as they lie: a manifest, or folders whose names say label and split."""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from facetell.data.manifest import (
    LABELS,
    SPLIT_WORDS,
    SPLITS,
    Sample,
    capped,
    groups_apart,
    read_manifest,
    refuse_strange_names,
)
from facetell.detect.find import files_below
from facetell.detect.media import media_kind
from facetell.errors import DataError, MediaError
from facetell.types import Kind

LABEL_WORDS = {
    "real": ("real", "reals", "original", "originals", "authentic", "pristine", "genuine"),
    "fake": ("fake", "fakes", "generated", "synthetic", "ai", "deepfake", "deepfakes",
             "manipulated", "forged"),
}  # fmt: skip
NEGATIONS = {"no", "non", "not", "without"}
"""A folder of such a name says nothing: `not_fake` is not `fake`."""
PLAIN_WORDS = {
    *(word for words in (LABEL_WORDS, SPLIT_WORDS) for names in words.values() for word in names),
    *("set", "data", "dataset", "image", "images", "face", "faces", "photos", "frames", "videos"),
}
PICTURE_ENDINGS = {
    *(".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".avif"),
}
ACCEPTED = """give a manifest, CSV or Parquet, with path,label[,split,source,generator,group], or
    folders such as
    data/real/*.jpg            data/fake/*.jpg
    data/Train/Real/*.jpg      data/Train/Fake/*.jpg      data/Validation/...   data/Test/...
    data/training_real/*.jpg   data/training_fake/*.jpg
    data/train/0_real/*.png    data/train/1_fake/*.png"""


@dataclass(frozen=True)
class DataSet:
    """Samples, and in words how they were recognised."""

    samples: list[Sample]
    recognised: str


def read_dataset(path: Path) -> DataSet:
    """Read a manifest, a folder with a `manifest.csv` or `.parquet`, or a tree of label and split
    folders.

    Raises DataError when a picture's label cannot be told; it shows the accepted layouts.
    """
    manifest = path
    if path.is_dir():
        names = [path / name for name in ("manifest.csv", "manifest.parquet")]
        found = [name for name in names if name.is_file()]
        if not found:
            return _read_tree(path)
        manifest = found[0]
    samples = read_manifest(manifest)
    return DataSet(samples, f"{manifest}: a manifest; {counted(samples)}")


def find_datasets(folder: Path, depth: int = 3) -> Iterator[Path]:
    """What `read_dataset` is likely to take: tables with the columns of a manifest, and folders of
    which those inside name both labels; down to `depth` folders below."""
    try:
        inside = _folders_in(folder)
        tables = [path for path in sorted(folder.glob("*.csv")) if _is_manifest(path)]
        tables += folder.glob("manifest.parquet")
    except OSError:
        return
    yield from tables
    if any(path.stem == "manifest" for path in tables):
        return  # it stands for the folder
    if _labels_named(folder, inside) == set(LABEL_WORDS):
        yield folder
    elif depth:
        for name in inside:
            yield from find_datasets(folder / name, depth - 1)


def _folders_in(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))


def _labels_named(folder: Path, inside: Sequence[str]) -> set[str]:
    """By folders inside, and by those inside the ones that name a split."""
    said = {label for name in inside for label in _says(name, LABEL_WORDS, plain=True)}
    for name in inside:
        if _says(name, SPLIT_WORDS, plain=True):
            below = folder / name
            said |= _labels_named(below, _folders_in(below))
    return said


def _is_manifest(path: Path) -> bool:
    """By the head of a CSV; a table of scores or a cache of crops is none."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            head = {name.strip().strip('"') for name in file.readline(1000).split(",")}
    except (OSError, UnicodeDecodeError):
        return False
    return {"path", "label"} <= head and not head & {"p_fake", "offset"}


def read_samples(data: Sequence[Path], splits: Collection[str] = SPLITS) -> list[Sample]:
    """What several data sets hold of these splits, with groups that do not mix."""
    found = groups_apart([sample for path in data for sample in read_dataset(path).samples])
    return [sample for sample in found if sample.split in splits]


def split_of(data: Sequence[Path], split: str, per_source: int | None = None) -> list[Sample]:
    """The samples of one split, of each source at most so many, by the names of their files."""
    samples = read_samples(data, [split])
    return capped(samples, per_source) if per_source else samples


def _read_tree(root: Path) -> DataSet:
    samples, unknown, without_split = [], Counter[Path](), Counter[Path]()
    for path in files_below(root):  # one picture in two splits is for the audit to find
        if path == root:  # an empty folder stands for itself there
            continue
        folders = path.relative_to(root).parts[:-1]
        if not _meant_as_picture(path):
            continue
        label = _told(folders, LABEL_WORDS)
        split = next(
            (f for folder in folders for f in _says(folder, SPLIT_WORDS, plain=True)), None
        )
        if label is None:
            unknown[path.parent] += 1
            continue
        without_split[path.parent] += split is None
        source = _source(folders) or label
        name = str(path.relative_to(root))
        samples.append(Sample(path, LABELS[label], split or "train", source, "", name))
    if unknown or not samples:
        raise DataError(
            f"{root}: no label can be told for the pictures in {_shown(unknown)}"
            if unknown
            else f"{root} holds no pictures",
            hint=ACCEPTED,
        )
    refuse_strange_names(sample.path for sample in samples)
    has_split = without_split.total() < len(samples)
    if has_split and without_split.total():
        raise DataError(
            f"{root}: some folders name a split, and {_shown(+without_split)} none",
            hint="call folders train, val or test, or leave the splits out and divide them anew: "
            "facetell data split",
        )
    note = "" if has_split else "; no split is named, so all are train (facetell data split)"
    return DataSet(samples, f"{root}: folders by label; {counted(samples)}{note}")


def _shown(folders: Counter[Path]) -> str:
    return ", ".join(f"{folder} ({count})" for folder, count in folders.most_common(5))


def _meant_as_picture(path: Path) -> bool:
    """By its name, or else by its content: a damaged JPEG must turn up as such, a README not."""
    if path.suffix.lower() in PICTURE_ENDINGS:
        return True
    try:
        return media_kind(path) is not Kind.UNKNOWN
    except MediaError:
        return True  # whoever reads it will say what is wrong


def _told(folders: Sequence[str], words: dict[str, tuple[str, ...]]) -> str | None:
    """What the folders say, if it is one thing. `train` or `0_real` outweigh `real_people_swapped`;
    `real_vs_fake` says nothing, and folders that contradict each other say nothing either."""
    for plain in (True, False):
        said = {meaning for folder in folders for meaning in _says(folder, words, plain=plain)}
        if said:
            return said.pop() if len(said) == 1 else None
    return None


def _says(folder: str, words: dict[str, tuple[str, ...]], *, plain: bool) -> list[str]:
    """What one folder's name says: not what it denies. plain: it says nothing else beside."""
    tokens = [token for token in re.split(r"[^a-z]+", folder.lower()) if token]
    meant = {token for before, token in pairwise(["", *tokens]) if before not in NEGATIONS}
    said = [meaning for meaning, names in words.items() if meant & set(names)]
    if len(said) != 1 or (plain and set(tokens) - PLAIN_WORDS):
        return []
    return said


def _source(folders: tuple[str, ...]) -> str | None:
    """The folder below the one that says the label: `fake/stylegan/0001.jpg` -> stylegan."""
    at = [i for i, folder in enumerate(folders) if _says(folder, LABEL_WORDS, plain=True)]
    below = folders[at[-1] + 1 :] if at else ()
    return next((f for f in below if not _says(f, SPLIT_WORDS, plain=True)), None)


def counted(samples: Sequence[Sample]) -> str:
    """How many of which split and label, in words."""
    counts = Counter((sample.split, sample.label) for sample in samples)
    parts = [f"{split} {counts[split, 0]} real, {counts[split, 1]} fake" for split in SPLITS
             if counts[split, 0] + counts[split, 1]]  # fmt: skip
    return "; ".join(parts)
