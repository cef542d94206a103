"""Which of several networks to ship, and which of their sums: AUC on val, kind by kind, tier web.

    python -m benchmarks.choose --cache CACHE --apart MANIFEST FILE[+FILE]...

`A+B` is the mean of both networks' calibrated log-odds, as `facetell join` makes it; with
--temperature T and a --share for each, T times the log of the sum of (share * odds) ** (1 / T): at
T = 1 the odds of exclusive kinds of fakes, at a high T the mean. `A@` looks at each crop and at its
mirror image. CACHE: regions, by `facetell data crops`, of what calibrates and
MANIFEST (../collection/portraits/manifest.csv), whose val split is whole sources that no training
saw. Calibration and thresholds are fitted to all others, at most --per-source of each source.
Logits are kept in --keep by what is in the files, so that a network is asked once.
"""

import argparse
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.val_crops import aucs, crops_of, judged
from facetell.data.crops import CachedRegion, CropCache
from facetell.data.manifest import capped, read_manifest
from facetell.detect.calibrate import Calibration, sigmoid
from facetell.detect.model import Model
from facetell.detect.session import DEFAULT_MODEL
from facetell.evaluate.calibration import fit_calibration, fit_thresholds
from facetell.evaluate.metrics import Labels
from facetell.train.release import FALSE_ALARMS, MISSES
from facetell.types import FloatArray, UInt8Array

MIRRORED = "@"
Judged = tuple[Sequence[CachedRegion], FloatArray]
"""Regions and the log-odds of each."""
AS_IT_IS = Calibration(slope=1, intercept=0)
KNOWN = {
    "generated": "generated faces / real photos",
    "140k pair": "stylegan1_140k / ffhq256_140k",
    "blended": "blended into a scene / real photos",
    "swaps": "face swaps / their originals",
    "frames": "reenacted and swapped frames / real frames",
    "all": "all fakes / all reals",
}


def chosen(
    held: CropCache, apart: set[Path], per_source: int
) -> tuple[list[CachedRegion], list[CachedRegion]]:
    """Regions of val that calibrate, and those kept apart: of `apart`, whole paths."""
    val = [region for region in held.regions if region.sample.split == "val"]
    known = [region for region in val if region.sample.path.resolve() not in apart]
    few = set(capped([region.sample for region in known], per_source))
    return (
        [region for region in known if region.sample in few],
        [region for region in val if region.sample.path.resolve() in apart],
    )


def labels_of(regions: Sequence[CachedRegion]) -> Labels:
    return np.array([region.sample.label for region in regions])


def logits_of(name: str, crops: UInt8Array, keep: Path) -> FloatArray:
    """What the file called `name` says, perhaps of both looks."""
    path = Path(name.removesuffix(MIRRORED))
    asked = hashlib.sha256(path.read_bytes() + crops.tobytes() + name[-1].encode()).hexdigest()
    kept = keep / f"{asked[:16]}.npy"
    if not kept.exists():
        model = Model.load(path)
        looks = [crops, crops[:, :, ::-1]] if name.endswith(MIRRORED) else [crops]
        np.save(kept, np.mean([_side_by_side(model, look) for look in looks], axis=0))
    logits: FloatArray = np.load(kept)
    return logits


def _side_by_side(model: Model, crops: UInt8Array) -> FloatArray:
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(model.score, np.array_split(crops, threads))
        return np.concatenate([logit for logit, _ in parts])


def told(regions: Sequence[CachedRegion], log_odds: FloatArray) -> dict[str, float]:
    """AUC by comparison."""
    return aucs(judged(regions, log_odds, AS_IT_IS))


def summed(
    parts: Sequence[FloatArray], temperature: float | None, shares: Sequence[float] | None
) -> FloatArray:
    """parts: log-odds [N] of each network. temperature: None for the mean."""
    if temperature is None or len(parts) == 1:
        return np.asarray(np.mean(parts, axis=0), np.float32)
    weights = np.log(shares or [1.0] * len(parts))[:, None]
    roots = (np.stack(parts) + weights) / temperature
    return np.asarray(temperature * np.logaddexp.reduce(roots, axis=0), np.float32)


def fitted(labels: Labels, logits: Sequence[FloatArray]) -> list[FloatArray]:
    """Log-odds, calibrated on the first of `logits`."""
    fit = fit_calibration(labels, logits[0].astype(np.float64), "val")
    return [fit.log_odds(each) for each in logits]


def cells(known: Judged, apart: Judged) -> list[str]:
    """The row of one network or sum."""
    found = told(*known)
    row = [f"{found.get(name, np.nan):.3f}" for name in KNOWN.values()]
    p_fake = sigmoid(known[1]).astype(np.float64)
    fakes = labels_of(known[0]) == 1
    limits = fit_thresholds(
        p_fake[~fakes], p_fake[fakes], false_alarms=FALSE_ALARMS, misses=MISSES, fitted_on="val"
    )
    row.append(f"{np.mean((p_fake >= limits.real_below) & (p_fake < limits.fake_from)):.1%}")
    generators = [value for name, value in told(*apart).items() if name not in KNOWN.values()]
    row += [f"{np.mean(generators):.3f}", f"{min(generators):.3f}"]
    p_fake, fakes = sigmoid(apart[1]).astype(np.float64), labels_of(apart[0]) == 1
    row.append(f"{np.mean(p_fake[fakes] < limits.real_below):.1%}")
    row.append(f"{np.mean(p_fake[~fakes] >= limits.fake_from):.1%}")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sums", nargs="+", metavar="FILE[+FILE]")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--apart", type=Path, required=True)
    parser.add_argument("--per-source", type=int, default=175)
    parser.add_argument("--temperature", type=float)
    parser.add_argument("--share", type=float, action="append")
    parser.add_argument("--keep", type=Path, default=Path("runs/choose"))
    args = parser.parse_args()
    args.keep.mkdir(parents=True, exist_ok=True)
    held = CropCache(args.cache)
    paths = {sample.path.resolve() for sample in read_manifest(args.apart)}
    regions = chosen(held, paths, args.per_source)
    labels = labels_of(regions[0])
    spec = Model.load(DEFAULT_MODEL).card.crop
    crops = [crops_of(held, some, "web", spec) for some in regions]

    @cache
    def log_odds(name: str) -> list[FloatArray]:
        return fitted(labels, [logits_of(name, some, args.keep) for some in crops])

    print(f"{len(regions[0])} faces that calibrate, {len(regions[1])} kept apart\n")
    names = [*KNOWN, "uncertain", "generators apart", "worst", "called real", "photos called fake"]
    print("| | " + " | ".join(names) + " |\n" + "| --- " * (len(names) + 1) + "|")
    for each in args.sums:
        parts = zip(*map(log_odds, each.split("+")), strict=True)
        odds = fitted(labels, [summed(part, args.temperature, args.share) for part in parts])
        row = cells(*zip(regions, odds, strict=True))
        print(f"| {each} | " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
