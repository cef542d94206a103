"""The clips that the model inside learns from, out of public repositories, as a manifest.

    python -m benchmarks.collect_clips GIT_DIR... --out FOLDER [--more ../shared/media/videos.csv]

recipes/clips.csv names repository, path, git's blob, label and group of each. GIT_DIR: bare git
directories, each called owner+name. --more: another manifest whose clips of the split train are
listed, too. What is not there is named, and the rest is collected all the same.
"""

import argparse
import csv
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from facetell.data.manifest import LABELS, Sample, read_manifest, write_manifest

LISTING = Path(__file__).parent.parent / "recipes" / "clips.csv"
SOURCE = "video_clips"


def collect(row: dict[str, str], git_dirs: dict[str, Path], out: Path) -> Sample | str:
    """One clip written below `out`, or why not."""
    where = f"{row['origin']}:{row['origin_path']}"
    git_dir = git_dirs.get(row["origin"].replace("/", "+").lower())
    if git_dir is None:
        return f"{where}: no such git directory was given"
    command = ["git", "--git-dir", str(git_dir), "cat-file", "blob", row["blob"]]
    shown = subprocess.run(command, check=False, capture_output=True)
    if shown.returncode:
        return f"{where}: not in what was given of its repository"
    digest = hashlib.sha256(shown.stdout).hexdigest()
    path = out / row["label"] / f"{digest[:16]}{Path(row['origin_path']).suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(shown.stdout)
    return Sample(path, LABELS[row["label"]], "train", SOURCE, row["generator"], row["group"])


def of_train(manifest: Path) -> Iterator[Sample]:
    with manifest.open(newline="", encoding="utf-8") as file:
        methods = [row["method"] for row in csv.DictReader(file)]
    for sample, method in zip(read_manifest(manifest), methods, strict=True):
        if sample.split == "train":
            yield Sample(sample.path, sample.label, "train", SOURCE, method, sample.group)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("git_dirs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--more", type=Path, default=Path("../shared/media/videos.csv"))
    args = parser.parse_args()
    by_name = {path.name.lower(): path for path in args.git_dirs}
    with LISTING.open(newline="", encoding="utf-8") as file:
        found = [collect(row, by_name, args.out) for row in csv.DictReader(file)]
    samples = [one for one in found if isinstance(one, Sample)] + list(of_train(args.more))
    write_manifest(samples, args.out / "clips.csv")
    for one in found:
        if isinstance(one, str):
            print(one)
    print(f"wrote {args.out / 'clips.csv'}: {len(samples)} clips")


if __name__ == "__main__":
    main()
