"""What whole numbers of eight bits do to the model inside: speed, AUC on val, p_fake.

python -m benchmarks.int8 --cache CACHE [--model FILE] [--keep FOLDER]

CACHE: regions of ../shared/faces, by `facetell data crops`. Calibrated on crops of its `train`
split, measured on all of `val`; docs/experiments.md tells what came of it.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.common import in_turn, processor_seconds
from benchmarks.val_crops import aucs, crops_of, judged
from facetell.data.crops import CropCache
from facetell.detect.crop import to_tensor
from facetell.detect.model import Model
from facetell.detect.session import DEFAULT_MODEL
from facetell.types import FloatArray

CALIBRATED_ON = 300
"""Crops of `train`: half of them as they are, half as the tier web leaves them."""
VARIANTS = {
    "all but the ends": (1, False),
    "first three kept": (3, False),
    "first three kept, weights of 7 bits": (3, True),
}
"""kept, reduced. kept: convolutions from the crop on that stay in full precision. reduced: weights
have seven bits, for on x86 without VNNI sums of two eight-bit products overflow."""
BATCHES = (1, 4)


class Reader(CalibrationDataReader):  # type: ignore[misc]
    """Gives tensors one by one."""

    def __init__(self, name: str, tensors: Sequence[FloatArray]) -> None:
        self._given: Iterator[dict[str, FloatArray]] = iter([{name: t} for t in tensors])

    def get_next(self) -> dict[str, FloatArray] | None:
        return next(self._given, None)


def folded(path: Path, folder: Path) -> Path:
    """The network as a quantiser wants it: shapes known, weights in full precision."""
    out = folder / f"{path.stem}-folded.onnx"
    quant_pre_process(str(path), str(out), skip_symbolic_shape=True)
    return out


def outer_nodes(path: Path, kept: int) -> list[str]:
    """What stays in full precision: all up to the `kept`-th convolution on the way from the crop,
    and all that comes with and after the last one."""
    graph = onnx.load(path).graph
    depth: dict[str, int] = {}
    outer = []
    for node in graph.node:
        before = max((depth.get(name, 0) for name in node.input), default=0)
        here = before + (node.op_type == "Conv")
        depth.update(dict.fromkeys(node.output, here))
        if here <= kept:
            outer.append(node.name)
    leads_to_convolution: set[str] = set()
    for node in reversed(graph.node):
        if leads_to_convolution.isdisjoint(node.output):
            outer.append(node.name)
        if node.op_type == "Conv" or not leads_to_convolution.isdisjoint(node.output):
            leads_to_convolution.update(node.input)
    return sorted(set(outer))


def quantised(
    path: Path, out: Path, tensors: Sequence[FloatArray], kept: int, reduced: bool
) -> Path:
    """Eight bits for the rest: weights per channel, activations between the smallest and the
    largest value that `tensors` make. kept, reduced: see VARIANTS."""
    takes = onnx.load(path).graph.input[0].name
    quantize_static(
        str(path),
        str(out),
        Reader(takes, tensors),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=reduced,
        calibrate_method=CalibrationMethod.MinMax,
        nodes_to_exclude=outer_nodes(path, kept),
    )
    return with_metadata(path, out)


def with_metadata(path: Path, out: Path) -> Path:
    """The card goes with the weights."""
    model, source = onnx.load(out), onnx.load(path)
    model.metadata_props.extend(p for p in source.metadata_props if p not in model.metadata_props)
    onnx.save(model, out)
    return out


def print_model(path: Path, cache: CropCache, folder: Path, rounds: int, dynamic: bool) -> None:
    model = Model.load(path)
    train, val = (
        cache.only(lambda sample, split=split: sample.split == split)  # type: ignore[misc]
        for split in ("train", "val")
    )
    chosen = np.random.default_rng(0).choice(len(train.regions), CALIBRATED_ON, replace=False)
    halves = np.array_split(chosen, 2)
    shown = [
        crops_of(train, [train.regions[n] for n in half], tier, model.card.crop)
        for half, tier in zip(halves, ("clean", "web"), strict=True)
    ]
    tensors = [to_tensor(crop[None], model.card.crop) for crop in np.concatenate(shown)]
    plain = folded(path, folder)
    models = {"fp32": model}
    for number, (name, (kept, reduced)) in enumerate(VARIANTS.items()):
        file = quantised(plain, folder / f"int8-{number}.onnx", tensors, kept, reduced)
        models[name] = Model.load(file)
    if dynamic:
        file = folder / "dynamic.onnx"
        quantize_dynamic(str(plain), str(file), weight_type=QuantType.QUInt8,
                         op_types_to_quantize=["Conv"])  # fmt: skip
        models["dynamic"] = Model.load(with_metadata(plain, file))
    crops = crops_of(val, val.regions, "web", model.card.crop)
    rows = {
        name: judged(val.regions, each.score(crops)[0], each.card.calibration)
        for name, each in models.items()
    }
    speed = {}
    for count in BATCHES:
        works = {name: partial(each.score, crops[:count]) for name, each in models.items()}
        speed[count] = in_turn(rounds, processor_seconds, **works)
    print(f"{len(crops)} crops of val, tier web; speed on one thread, medians of {rounds}\n")
    print("| | " + " | ".join(models) + " |\n" + "| --- " * (len(models) + 1) + "|")
    sizes = [each.path.stat().st_size / 1e6 for each in models.values()]
    print("| MB | " + " | ".join(f"{size:.1f}" for size in sizes) + " |")
    for count, taken in speed.items():
        faster = [f"{taken['fp32'] / each:.2f} x" for each in taken.values()]
        print(f"| speed, {count} at once | " + " | ".join(faster) + " |")
    p_fake = {name: np.array([row.p_fake for row in found]) for name, found in rows.items()}
    off = [np.abs(p - p_fake["fp32"]) for p in p_fake.values()]
    print("| mean change of p_fake | " + " | ".join(f"{o.mean():.4f}" for o in off) + " |")
    thresholds = model.card.thresholds
    verdicts = {n: np.array([thresholds.verdict(v) for v in p]) for n, p in p_fake.items()}
    other = [(v != verdicts["fp32"]).mean() for v in verdicts.values()]
    print("| other verdict | " + " | ".join(f"{share:.1%}" for share in other) + " |")
    found = {name: aucs(each) for name, each in rows.items()}
    for kind, value in found["fp32"].items():
        changes = [f"{each[kind] - value:+.4f}" for each in list(found.values())[1:]]
        print(f"| AUC {kind} | " + " | ".join([f"{value:.4f}", *changes]) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--dynamic", action="store_true", help="that, too: it is slow")
    parser.add_argument("--keep", type=Path, help="a folder for the quantised files")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = args.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        print_model(args.model, CropCache(args.cache), folder, args.rounds, args.dynamic)


if __name__ == "__main__":
    main()
