"""How fast `facetell detect` is, as ratios measured in one run; benchmarks/README.md explains.

python benchmarks/speed.py [--pictures 300] [--rounds 5]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from facetell.detect.analyze import Detector
from facetell.detect.media import read_picture
from facetell.detect.scan import scan

EXAMPLES = Path(__file__).parent.parent / "examples" / "pictures"
SIDE_PX = 256
BARE_IMPORTS = [sys.executable, "-c", "import numpy, onnxruntime, PIL"]


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turn(rounds: int, **works: Callable[[], object]) -> dict[str, float]:
    """Median seconds of each, taken in turn (A B C A B C …) so that drift hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()  # warm the disk cache; not counted
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(seconds(work))
    return {name: statistics.median(found) for name, found in times.items()}


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


def draw_folder(folder: Path, count: int) -> list[Path]:
    """Portraits of 256 px, no two alike: the example faces, moved, scaled and saved as JPEG."""
    rng = np.random.default_rng(0)
    portraits = [Image.open(path).convert("RGB") for path in sorted(EXAMPLES.glob("real-*.jpg"))]
    paths = []
    for number in range(count):
        portrait = portraits[number % len(portraits)]
        side = int(rng.integers(300, 420))
        left, top = (int(rng.integers(0, min(60, size - side) + 1)) for size in portrait.size)
        crop = portrait.crop((left, top, left + side, top + side)).resize((SIDE_PX, SIDE_PX))
        paths.append(folder / f"{number:05d}.jpg")
        crop.save(paths[-1], quality=int(rng.integers(75, 96)))
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    threads = os.cpu_count() or 1
    command = [str(Path(sys.executable).with_name("facetell")), "detect"]

    cold = in_turn(
        args.rounds,
        detect=lambda: run([*command, str(EXAMPLES / "real-astronaut.jpg")]),
        imports=lambda: run(BARE_IMPORTS),
    )
    detector = Detector.load()
    crops = np.zeros((1, detector.model.card.crop.size_px, detector.model.card.crop.size_px, 3))
    crop = crops.astype(np.uint8)
    with tempfile.TemporaryDirectory() as name:
        paths = draw_folder(Path(name), args.pictures)
        pictures = [read_picture(path) for path in paths]

        def each(work: Callable[[int], object]) -> Callable[[], object]:
            return lambda: sum(1 for _ in scan(range(len(paths)), work, threads))

        folder = in_turn(
            args.rounds,
            detect=each(lambda n: detector.analyze(paths[n])),
            decoding=each(lambda n: read_picture(paths[n])),
            finder=each(lambda n: detector.finder.find_faces(pictures[n].image)),
            model=each(lambda n: detector.model.score(crop)),
        )
    print(f"{threads} cores, medians of {args.rounds} rounds in turn\n")
    print("| measure | seconds | ratio |\n| --- | --- | --- |")
    print(f"| bare imports (numpy, onnxruntime, PIL) | {cold['imports']:.2f} | 1 |")
    print(f"| cold `facetell detect one.jpg` | {cold['detect']:.2f} "
          f"| {cold['detect'] / cold['imports']:.1f} x the imports |")  # fmt: skip
    print(f"\n| {args.pictures} JPEGs of {SIDE_PX} px | pictures/s | share of detect's time |")
    print("| --- | --- | --- |")
    for what, taken in folder.items():
        print(f"| {what} | {args.pictures / taken:.0f} | {taken / folder['detect']:.2f} |")


if __name__ == "__main__":
    main()
