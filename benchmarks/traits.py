"""What two public collections say of the people in their pictures, for `facetell evaluate --by`.

    python -m benchmarks.traits GIT_DIR... --out traits.csv

GIT_DIR: git directories of mattans/AgeProgression (UTKFace: file names begin with age, sex and
race as its makers guessed them, https://susanqq.github.io/UTKFace) and fbplab/MEBeauty-database
(folders by sex and origin). Pictures are known by the first 16 hex digits of their SHA-256, as
../shared/tools/collect_faces.py names them.
"""

import argparse
import csv
import hashlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

UTKFACE = re.compile(r"(\d+)_([01])_([0-4])_\d+\.jpg(\.chip\.jpg)?$")
SEXES = ("male", "female")
RACES = ("white", "black", "asian", "indian", "other")
MEBEAUTY = re.compile(r"original_images/(male|female)/(\w+)/[^/]+\.(jpe?g|png)$")
COLUMNS = ("path", "age", "sex", "labelled as")


def traits_of(name: str) -> tuple[str, str, str] | None:
    """Age, sex and origin that a file's name tells."""
    if found := UTKFACE.search(name):
        age = int(found[1]) // 20 * 20
        return f"{age:02} to {age + 19}", SEXES[int(found[2])], RACES[int(found[3])]
    if found := MEBEAUTY.search(name):
        return "", found[1], found[2]
    return None


def pictures(git_dir: str) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the files that tell something, at HEAD."""
    git = ["git", "--git-dir", git_dir]
    listing = subprocess.run(
        [*git, "ls-tree", "-r", "-z", "HEAD"], check=True, capture_output=True, text=True
    ).stdout
    entries = (line.split("\t", 1) for line in listing.split("\0") if line)
    wanted = [(facts.split()[2], name) for facts, name in entries if traits_of(name)]
    command = [*git, "cat-file", "--batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin
        assert reader.stdout
        for blob, name in wanted:
            reader.stdin.write(f"{blob}\n".encode())
            reader.stdin.flush()
            header = reader.stdout.readline().split()
            if header[1] == b"missing":  # a copy may lack its largest files
                continue
            yield name, reader.stdout.read(int(header[2]))
            reader.stdout.read(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("git_dirs", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    with given.out.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for git_dir in given.git_dirs:
            for name, content in pictures(git_dir):
                traits = traits_of(name)
                assert traits
                digest = hashlib.sha256(content).hexdigest()[:16]
                rows.writerow([f"{digest}.{name.rpartition('.')[2].lower()}", *traits])
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
