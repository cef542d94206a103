"""Read a manifest: one row per picture, `path,label,split,source[,generator][,group]`."""

import csv
import os
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from facetell.errors import DataError

LABELS = {"real": 0, "fake": 1}
SPLITS = ("train", "val", "test")
_COLUMNS = ("path", "label", "split", "source")


@dataclass(frozen=True)
class Sample:
    """One labelled picture.

    label: 1 = fake, 0 = real. source: where the picture came from. generator: what made it, "" for
    real ones. group: what must stay on one side of a split.
    """

    path: Path
    label: int
    split: str
    source: str
    generator: str
    group: str


def read_manifest(path: Path) -> list[Sample]:
    """Read `manifest.csv`; picture paths are relative to its folder.

    Raises DataError when the file, a column, a label or a split is not as it should be.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path} cannot be read: {error}", hint="give the path of a manifest.csv"
        ) from error
    if not rows:
        raise DataError(f"{path} has no rows", hint=f"columns needed: {','.join(_COLUMNS)}")
    missing = [column for column in _COLUMNS if column not in rows[0]]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(missing)}",
            hint=f"columns needed: {','.join(_COLUMNS)}",
        )
    return [_sample(row, path, number) for number, row in enumerate(rows, start=2)]


def _sample(row: dict[str, str], manifest: Path, line: int) -> Sample:
    if row["label"] not in LABELS:
        raise DataError(f"{manifest}:{line}: label {row['label']!r}", hint="use real or fake")
    if row["split"] not in SPLITS:
        raise DataError(f"{manifest}:{line}: split {row['split']!r}", hint="use train, val or test")
    return Sample(
        path=manifest.parent / row["path"],
        label=LABELS[row["label"]],
        split=row["split"],
        source=row["source"],
        generator=row.get("generator") or "",
        group=row.get("group") or row["path"],
    )


def write_manifest(samples: Iterable[Sample], path: Path) -> None:
    """Write what `read_manifest` reads; pictures stay where they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([*_COLUMNS, "generator", "group"])
        for s in samples:
            where = os.path.relpath(s.path.absolute(), path.absolute().parent)
            label = next(name for name, number in LABELS.items() if number == s.label)
            rows.writerow([Path(where).as_posix(), label, s.split, s.source, s.generator, s.group])


def folder_samples(folder: Path) -> list[Sample]:
    """Pictures of one folder tree as real samples of a source named after it.

    The split hangs on the file's name alone: six tenths train, two val, two test.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    if not paths:
        raise DataError(f"{folder} holds no files", hint="give a folder of pictures")
    return [
        Sample(path, LABELS["real"], _split_of(path.name), folder.name, "", path.name)
        for path in paths
    ]


def capped(samples: Iterable[Sample], per_source: int) -> list[Sample]:
    """The first pictures of each source, by the names of their files."""
    by_source: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: sample.path.name):
        by_source[sample.source].append(sample)
    return [sample for name in sorted(by_source) for sample in by_source[name][:per_source]]


def _split_of(name: str) -> str:
    part = zlib.crc32(name.encode()) % 10
    return "train" if part < 6 else "val" if part < 8 else "test"
