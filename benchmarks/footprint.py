"""What facetell takes: of the disk when installed without extras, and of memory when it judges.

python -m benchmarks.footprint [--no-install] [--pictures 300 1200]

Sizes on disk are those of all files that pip lists for a distribution, bytecode too; pip itself is
not counted, and 1 MB is 10^6 bytes. Peak memory is VmHWM of the whole process, as Linux counts it.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import EXAMPLES

ROOT = Path(__file__).parent.parent
MB = 1_000_000
DRAWN = 40
"""Different pictures in a folder of many sizes; the others are further names of the same files."""
SIZES = """
from importlib.metadata import distributions
for one in distributions():
    files = [one.locate_file(file) for file in one.files or ()]
    print(one.name, sum(file.stat().st_size for file in files if file.exists()))
"""
PEAK = """
import atexit, sys
from facetell.cli.main import run
status = lambda: open("/proc/self/status").read()  # ru_maxrss would count the parent's memory, too
atexit.register(
    lambda: print(int(status().partition("VmHWM:")[2].split()[0]) * 1024, file=sys.stderr)
)
run()
"""


def installed_bytes(folder: Path) -> dict[str, int]:
    """Bytes by distribution of `pip install .` in a fresh environment, the largest first."""
    venv.create(folder, with_pip=True)
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    command = [python, "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt"), str(ROOT)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    subprocess.run(command, check=True, env=clean)
    listed = subprocess.run(
        [python, "-c", SIZES], check=True, capture_output=True, text=True, env=clean
    )
    found = {name: int(size) for name, size in map(str.split, listed.stdout.splitlines())}
    sizes = {name: size for name, size in found.items() if name not in ("pip", "setuptools")}
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def portrait(size_wh: tuple[int, int]) -> Image.Image:
    with Image.open(EXAMPLES / "real-astronaut.jpg") as picture:
        return picture.convert("RGB").resize(size_wh)


def draw_many_sizes(folder: Path) -> list[Path]:
    """Portraits from 200 px to 4,000 px wide, upright and lying, none of the same size."""
    rng = np.random.default_rng(0)
    paths = []
    for number, width in enumerate(rng.permutation(np.geomspace(200, 4000, DRAWN).astype(int))):
        paths.append(folder / f"drawn-{number:02d}.jpg")
        portrait((int(width), int(width * rng.uniform(0.6, 1.5)))).save(paths[-1], quality=88)
    return paths


def linked(folder: Path, drawn: list[Path], count: int) -> Path:
    """A folder with `count` names for the pictures drawn, one after the other."""
    folder.mkdir()
    for number, path in enumerate(itertools.islice(itertools.cycle(drawn), count)):
        (folder / f"{number:05d}.jpg").hardlink_to(path)
    return folder


def peak_bytes(path: Path) -> int:
    """Of `facetell detect PATH`."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "detect", str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stderr.split()[-1])


def print_install() -> None:
    with tempfile.TemporaryDirectory() as name:
        sizes = installed_bytes(Path(name))
    print("| package | MB |\n| --- | --- |")
    large = {name: size for name, size in sizes.items() if size >= MB}
    for package, size in large.items():
        print(f"| {package} | {size / MB:.1f} |")
    rest = sum(sizes.values()) - sum(large.values())
    print(f"| {len(sizes) - len(large)} more below 1 MB | {rest / MB:.1f} |")
    print(f"| all | {sum(sizes.values()) / MB:.1f} |\n")


def print_memory(counts: list[int]) -> None:
    print(f"| judged on {os.cpu_count()} cores | peak MB |\n| --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, size_wh in (("256 px", (256, 256)), ("12 megapixels", (3000, 4000))):
            path = folder / "one.jpg"
            portrait(size_wh).save(path, quality=90)
            print(f"| one photo of {what} | {peak_bytes(path) / MB:.0f} |", flush=True)
        (folder / "drawn").mkdir()
        drawn = draw_many_sizes(folder / "drawn")
        for count in counts:
            peak = peak_bytes(linked(folder / str(count), drawn, count))
            print(f"| a folder of {count} photos of many sizes | {peak / MB:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-install", action="store_true", help="measure memory only")
    parser.add_argument("--pictures", type=int, nargs="*", default=[300, 1200])
    args = parser.parse_args()
    if not args.no_install:
        print_install()
    print_memory(args.pictures)


if __name__ == "__main__":
    main()
