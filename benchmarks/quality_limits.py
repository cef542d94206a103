"""How often each quality warning is given: on photographs as they are, and on degraded copies.

    python benchmarks/quality_limits.py ../shared/faces/manifest.csv

The limits in detect/quality.py are read off these tables, on pictures of the `val` split.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from facetell.data.degrade import blur, recompress, relight, shrink_to
from facetell.data.manifest import read_manifest
from facetell.detect import quality
from facetell.detect.faces import SmallFinder
from facetell.detect.media import read_picture
from facetell.types import Picture, UInt8Array

COPIES: dict[str, Callable[[UInt8Array], UInt8Array]] = {
    "as it is": lambda image: image,
    "blur 1 px": lambda image: blur(image, 1),
    "blur 2 px": lambda image: blur(image, 2),
    "blur 4 px": lambda image: blur(image, 4),
    "a quarter of the size": lambda image: shrink_to(image, max(image.shape) // 4),
    "JPEG 60": lambda image: recompress(image, 60),
    "JPEG 30": lambda image: recompress(image, 30),
    "JPEG 15": lambda image: recompress(image, 15),
    "a quarter of the light": lambda image: relight(image, 0.25, 1),
    "twice the light": lambda image: relight(image, 2, 1),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--each", type=int, default=12, help="real pictures per source")
    args = parser.parse_args()
    by_source: dict[str, list[Path]] = {}
    for sample in read_manifest(args.manifest):
        if sample.split == "val" and not sample.label:
            by_source.setdefault(sample.source, []).append(sample.path)
    finder = SmallFinder()
    measured: dict[str, list[quality.Quality]] = {name: [] for name in COPIES}
    for paths in by_source.values():
        for path in paths[: args.each]:
            image = read_picture(path).image
            faces = finder.find_faces(image)
            if not len(faces):
                continue
            for name, degrade in COPIES.items():
                copy = degrade(image)
                scale = copy.shape[1] / image.shape[1]
                x0, y0, x1, y1 = (float(v) * scale for v in faces.boxes_xyxy[0])
                picture = Picture(copy, (copy.shape[1], copy.shape[0]), "PNG")
                measured[name].append(quality.measure_quality(picture, (x0, y0, x1, y1)))
    print(f"{len(measured['as it is'])} real pictures of val\n")
    print("| copy | sharpness 2 / 50 % | blockiness 50 / 98 % | brightness 2 / 98 % | blurred "
          "| compressed | dark | overexposed |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, rows in measured.items():
        sharp, block, light = (
            np.array([getattr(row, field) for row in rows])
            for field in ("sharpness", "blockiness", "brightness")
        )
        shares = (
            (sharp < quality.MIN_SHARPNESS).mean(),
            (block > quality.MAX_BLOCKINESS).mean(),
            (light < quality.DARK).mean(),
            (light > quality.BRIGHT).mean(),
        )
        print(
            f"| {name} | {np.quantile(sharp, 0.02):.3f} / {np.median(sharp):.3f} "
            f"| {np.median(block):.2f} / {np.quantile(block, 0.98):.2f} "
            f"| {np.quantile(light, 0.02):.0f} / {np.quantile(light, 0.98):.0f} | "
            + " | ".join(f"{share:.0%}" for share in shares)
            + " |"
        )


if __name__ == "__main__":
    main()
