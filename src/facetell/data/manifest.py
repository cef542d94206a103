"""Read a manifest, CSV or Parquet: one row per picture,
`path,label[,split][,source][,generator][,group]`."""

import csv
import os
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from facetell.errors import DataError, MissingExtra

LABELS = {"real": 0, "fake": 1}
SPLITS = ("train", "val", "test")
SPLIT_WORDS = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
"""What a file or a folder is called that holds a split."""
SPLIT_OF_NAME = {word: split for split, words in SPLIT_WORDS.items() for word in words}
_NEEDED = ("path", "label")
_COLUMNS = ("path", "label", "split", "source", "generator", "group")


@dataclass(frozen=True)
class Sample:
    """One labelled picture.

    label: 1 = fake, 0 = real. source: where the picture came from. generator: what made it, "" for
    real ones. group: what must stay on one side of a split; where nobody names one, the picture's
    path in its data set.
    """

    path: Path
    label: int
    split: str
    source: str
    generator: str
    group: str


def read_manifest(path: Path) -> list[Sample]:
    """Read `manifest.csv` or `.parquet`; picture paths are relative to its folder.

    Without a split column all is `train`, or what the file's own name says (`test.csv`); without a
    source the label is one. Kaggle's lists of its *140k* set are understood as they are.
    Raises DataError when the file, a column, a label or a split is not as it should be.
    """
    rows = table_rows(path)
    if not rows:
        raise DataError(f"{path} has no rows", hint=f"columns needed: {','.join(_NEEDED)}")
    missing = [column for column in _NEEDED if column not in rows[0]]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(missing)}",
            hint=f"columns needed: {','.join(_NEEDED)}; known: {','.join(_COLUMNS)}",
        )
    label = "label_str" if "label_str" in rows[0] else "label"  # Kaggle's 140k: its label 1 is real
    root = _root(path, rows[0]["path"])
    split = SPLIT_OF_NAME.get(path.stem.lower(), "train")
    return [
        _sample(row, row[label].lower(), split, root, f"{path}:{number}")
        for number, row in enumerate(rows, start=2)
    ]


def table_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV or Parquet file, values as text, "" where there is none.

    Raises DataError when it cannot be read.
    """
    return _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)


def _read_csv(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [{k: v or "" for k, v in row.items() if k} for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path} cannot be read: {error}", hint="give the path of a manifest.csv"
        ) from error


def _read_parquet(path: Path) -> list[dict[str, str]]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import read_table
    except ImportError as error:
        raise MissingExtra("pyarrow, which reads Parquet,", "train") from error
    try:
        rows = read_table(path).to_pylist()
    except (OSError, ArrowException) as error:
        raise DataError(
            f"{path} cannot be read as Parquet: {error}", hint="give a whole file"
        ) from error
    return [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]


def write_parquet(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write a table; all rows have the same names. Raises MissingExtra without pyarrow."""
    try:
        from pyarrow import Table
        from pyarrow.parquet import write_table
    except ImportError as error:
        raise MissingExtra("pyarrow, which writes Parquet,", "train") from error
    write_table(Table.from_pylist([dict(row) for row in rows]), path)


def _root(manifest: Path, first: str) -> Path:
    """The folder that paths are relative to: the manifest's, or one up to two levels below it."""
    folder = manifest.parent
    if (folder / first).is_file():
        return folder
    below = (root for pattern in ("*/", "*/*/") for root in sorted(folder.glob(pattern)))
    return next((root for root in below if (root / first).is_file()), folder)


def _sample(row: dict[str, str], label: str, split: str, root: Path, where: str) -> Sample:
    if label not in LABELS:
        raise DataError(f"{where}: label {label!r}", hint="use real or fake")
    if "\0" in row["path"]:
        raise DataError(f"{where}: the path holds a NUL", hint="is the file damaged?")
    split = row.get("split") or split
    if split not in SPLITS:
        raise DataError(f"{where}: split {split!r}", hint="use train, val or test")
    return Sample(
        path=root / row["path"],
        label=LABELS[label],
        split=split,
        source=row.get("source") or label,
        generator=row.get("generator") or "",
        group=row.get("group") or row["path"],
    )


def write_manifest(samples: Iterable[Sample], path: Path) -> None:
    """Write what `read_manifest` reads; pictures stay where they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        for s in samples:
            where = os.path.relpath(s.path.parent.resolve() / s.path.name, path.parent.resolve())
            label = next(name for name, number in LABELS.items() if number == s.label)
            rows.writerow([Path(where).as_posix(), label, s.split, s.source, s.generator, s.group])


def folder_samples(folder: Path) -> list[Sample]:
    """Pictures of one folder tree as real samples of a source named after it.

    The split hangs on the file's name alone: six tenths train, two val, two test.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    if not paths:
        raise DataError(f"{folder} holds no files", hint="give a folder of pictures")
    refuse_strange_names(paths)
    return [
        Sample(path, LABELS["real"], _split_of(path.name), folder.name, "", path.name)
        for path in paths
    ]


def refuse_strange_names(paths: Iterable[Path]) -> None:
    """Manifests, caches and score tables are UTF-8; better said now than after an hour's work."""
    strange = [name for path in paths if (name := os.fsencode(path)) != _as_utf8(path)]
    if strange:
        raise DataError(
            f"{len(strange)} pictures have names that are not UTF-8, such as {strange[0]!r}",
            hint="rename them",
        )


def _as_utf8(path: Path) -> bytes:
    return str(path).encode("utf-8", errors="ignore")


def groups_apart(samples: Sequence[Sample]) -> list[Sample]:
    """Of several data sets: groups that nobody named, and that are called alike because two
    pictures lie at the same place in theirs, get the names of their whole paths."""
    unnamed: defaultdict[str, set[Path]] = defaultdict(set)
    for sample in samples:
        if _is_unnamed(sample):
            unnamed[sample.group].add(sample.path.resolve())
    return [
        replace(sample, group=str(sample.path.resolve()))
        if _is_unnamed(sample) and len(unnamed[sample.group]) > 1
        else sample
        for sample in samples
    ]


def groups_of_both(some: Sequence[Sample], others: Sequence[Sample]) -> set[str]:
    """The groups that have pictures in both."""
    apart = groups_apart([*some, *others])
    return {s.group for s in apart[: len(some)]} & {s.group for s in apart[len(some) :]}


def _is_unnamed(sample: Sample) -> bool:
    """Whether its group is no more than where it lies in its data set."""
    within = Path(sample.group).parts
    return sample.path.parts[-len(within) :] == within


def capped(samples: Iterable[Sample], per_source: int) -> list[Sample]:
    """The first pictures of each source, by the names of their files."""
    by_source: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: sample.path.name):
        by_source[sample.source].append(sample)
    return [sample for name in sorted(by_source) for sample in by_source[name][:per_source]]


def paired(samples: Iterable[Sample], most: int) -> list[Sample]:
    """Of each group that holds both labels, at most so many of either, by the names of their
    files."""
    groups: defaultdict[str, tuple[list[Sample], list[Sample]]] = defaultdict(lambda: ([], []))
    for sample in sorted(samples, key=lambda sample: sample.path.name):
        groups[sample.group][sample.label].append(sample)
    return [
        sample
        for _, both in sorted(groups.items())
        if all(both)
        for one in both
        for sample in one[:most]
    ]


def _split_of(name: str) -> str:
    part = zlib.crc32(name.encode()) % 10
    return "train" if part < 6 else "val" if part < 8 else "test"
