"""How fast a folder is judged and ready crops are scored, as ratios measured in one run beside
named peers; benchmarks/README.md explains.

python -m benchmarks.speed [--pictures 200] [--rounds 3] [--sides 256 1152 4000] [--no-peers]
"""

import argparse
import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from benchmarks.common import EXAMPLES, draw_folder, in_turn, spent_in_turn
from facetell.cli.judge import Outputs, judge
from facetell.detect.analyze import Detector, Options
from facetell.detect.answers import answers
from facetell.detect.crop import crop_face, to_tensor
from facetell.detect.faces import _network_inputs, _sides
from facetell.detect.media import read_picture
from facetell.detect.scan import scan
from facetell.detect.session import DEFAULT_MODEL, FINDER_FILE, open_session

SMALL_PX = 256
DISTINCT = 8
"""So many large photos are drawn; further ones are hard links to them, which count as files."""
GRAIN = 4.0
"""Noise that makes a drawn photo as costly to decode as a camera's, in grey levels."""
PEER_PX, PEER_BATCH = 224, 16
COLUMNS = (
    *("photos", "number", "`facetell detect` /s", "decoding alone /s", "both nets alone /s"),
    *("judging net alone /s", "of the slower", "of decoding and nets", "the same by CPU"),
    *("CPU ms a photo", "cores busy"),
)


def draw_photos(folder: Path, side_px: int, count: int) -> list[Path]:
    """JPEGs of side_px x 3/4 side_px: a portrait, a third as high as the photo, on soft ground."""
    rng = np.random.default_rng(0)
    size_wh = side_px, side_px * 3 // 4
    face_px = size_wh[1] // 3
    paths = []
    for number in range(min(count, DISTINCT)):
        coarse = Image.fromarray(rng.integers(0, 255, (9, 12, 3), np.uint8))
        photo = coarse.resize(size_wh, Image.Resampling.BICUBIC)
        with Image.open(EXAMPLES / "real-astronaut.jpg") as portrait:
            face = portrait.convert("RGB").crop((96, 0, 352, 256)).resize((face_px, face_px))
        left, top = (int(rng.integers(0, length - face_px)) for length in size_wh)
        photo.paste(face, (left, top))
        grain = rng.normal(0, GRAIN, (*size_wh[::-1], 1))
        pixels = (np.asarray(photo) + grain).round().clip(0, 255).astype(np.uint8)
        paths.append(folder / f"{number:05d}.jpg")
        Image.fromarray(pixels).save(paths[-1], quality=90)
    for number in range(len(paths), count):
        paths.append(folder / f"{number:05d}.jpg")
        paths[-1].hardlink_to(paths[number % DISTINCT])
    return paths


def decode(path: Path) -> None:
    """What any program does that wants the pixels."""
    with Image.open(path) as image:
        np.asarray(image.convert("RGB"))


def nets_of(path: Path, detector: Detector) -> Mapping[str, Callable[[], None]]:
    """What ONNX Runtime alone does for a picture: both nets, and the judging one, on the tensors
    that they read of it."""
    finder, judge_net = (open_session(f.read_bytes()) for f in (FINDER_FILE, DEFAULT_MODEL))
    image = read_picture(path).image
    found = detector.finder.find_faces(image)
    spec = detector.model.card.crop
    crops = [
        crop_face(image, box, spec, points)
        for box, points in zip(found.boxes_xyxy, found.landmarks, strict=True)
    ]
    tensor = to_tensor(np.stack(crops), spec)
    looks = [pixels for pixels, _ in _network_inputs(image, _sides(max(image.shape)))]

    def judging() -> None:
        judge_net.run(["logit", "evidence"], {"crops": tensor})

    def both() -> None:
        for pixels in looks:
            answers(finder, pixels)
        judging()

    return {"both": both, "judging": judging}


def print_folder(side_px: int, count: int, rounds: int, threads: int, detector: Detector) -> None:
    """One row: the whole command on a folder, beside its parts alone, all on `threads` threads."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "photos")
        folder.mkdir()
        if side_px == SMALL_PX:
            paths = draw_folder(folder, count)
        else:
            paths = draw_photos(folder, side_px, count)
        nets = nets_of(paths[0], detector)
        outputs = Outputs(json=Path(name, "reports.jsonl"))

        def command() -> None:
            with contextlib.redirect_stdout(io.StringIO()):
                judge([str(folder)], outputs, Options(), model=DEFAULT_MODEL, threads=threads,
                      resume=False)  # fmt: skip

        def each(work: Callable[[Path], object]) -> Callable[[], object]:
            return lambda: sum(1 for _ in scan(paths, work, threads))

        works: dict[str, Callable[[], object]] = {
            "command": command,
            "decoding": each(decode),
            "both": each(lambda _: nets["both"]()),
            "judging": each(lambda _: nets["judging"]()),
        }
        with patch.object(Detector, "load", return_value=detector):
            spent = spent_in_turn(rounds, **works)
    taken = {what: one.clock_s for what, one in spent.items()}
    cpu = {what: one.cpu_s for what, one in spent.items()}
    with_height = SMALL_PX if side_px == SMALL_PX else side_px * 3 // 4
    cells = [f"{side_px} x {with_height}", str(count)]
    cells += [f"{count / seconds:.1f}" for seconds in taken.values()]
    cells.append(f"{max(taken['decoding'], taken['both']) / taken['command']:.2f}")
    cells += [f"{(t['decoding'] + t['both']) / t['command']:.2f}" for t in (taken, cpu)]
    cells += [f"{1000 * cpu['command'] / count:.1f}", f"{cpu['command'] / taken['command']:.2f}"]
    print("| " + " | ".join(cells) + " |", flush=True)


def print_peers(rounds: int, threads: int, detector: Detector) -> None:
    """Ready crops a second beside a classifier of images and a small detector, both of random
    weights, in torch."""
    import torch

    from facetell.train.torchvision_shim import declare_missing_operators

    declare_missing_operators()
    import timm

    from facetell.train.networks.registry import architecture

    torch.set_num_threads(threads)
    size_px = detector.model.card.crop.size_px
    crops = np.zeros((PEER_BATCH, size_px, size_px, 3), np.uint8)
    parts = np.array_split(crops, threads)
    batch = torch.zeros(PEER_BATCH, 3, PEER_PX, PEER_PX)
    peers = {
        "ViT-B/16, torch eager": timm.create_model("vit_base_patch16_224", pretrained=False),
        "FerretNet, torch eager": architecture("ferretnet").build(PEER_PX, False),
    }

    def eager(net: torch.nn.Module) -> Callable[[], object]:
        net.eval()
        return lambda: net(batch)

    with torch.inference_mode():
        taken = in_turn(
            rounds,
            **{"facetell": lambda: list(scan(parts, detector.model.score, threads))},
            **{name: eager(net) for name, net in peers.items()},
        )
    print("\n| ready crops, batches of 16 | crops/s | facetell is faster by |")
    print("| --- | --- | --- |")
    for name, seconds in taken.items():
        factor = seconds / taken["facetell"]
        print(f"| {name} | {PEER_BATCH / seconds:.1f} | {factor:.1f} x |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=200, help="of 256 px; fewer of others")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", type=int, nargs="*", default=[SMALL_PX, 1152, 4000])
    parser.add_argument("--same-number", action="store_true", help="as many of the large ones")
    parser.add_argument("--no-peers", action="store_true")
    args = parser.parse_args()
    threads = os.cpu_count() or 1
    detector = Detector.load()
    print(f"{threads} threads, medians of {args.rounds} rounds in turn, pictures a second\n")
    print("| " + " | ".join(COLUMNS) + " |")
    print("| --- " * len(COLUMNS) + "|")
    for side_px in args.sides:
        fewer = 1 if args.same_number else max(1, side_px // SMALL_PX)
        count = max(args.pictures // fewer, DISTINCT)
        print_folder(side_px, count, args.rounds, threads, detector)
    if not args.no_peers:
        print_peers(args.rounds, threads, detector)


if __name__ == "__main__":
    main()
