"""How fast `facetell detect` is, as ratios measured in one run; benchmarks/README.md explains.

python -m benchmarks.speed [--pictures 300] [--rounds 5]
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.common import SIDE_PX, draw_folder, in_turn
from facetell.detect.analyze import Detector
from facetell.detect.media import read_picture
from facetell.detect.scan import scan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    threads = os.cpu_count() or 1
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
    print(f"| {args.pictures} JPEGs of {SIDE_PX} px | pictures/s | share of detect's time |")
    print("| --- | --- | --- |")
    for what, taken in folder.items():
        print(f"| {what} | {args.pictures / taken:.0f} | {taken / folder['detect']:.2f} |")


if __name__ == "__main__":
    main()
