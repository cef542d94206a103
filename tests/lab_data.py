"""A small labelled set with faces that the finder finds: portraits in the public domain, each cut,
turned and lit in its own way, half of them tinted green. And a run folder without a training."""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from facetell.detect.faces import SmallFinder
from tests.shared import EXAMPLES

SIDE_PX = 160
GREEN = (0.85, 1.1, 0.85)


def write_lab_data(folder: Path, count: int = 60) -> Path:
    """`real/` and `fake/`, `count` pictures in all."""
    people = portraits()
    for label in ("real", "fake"):
        (folder / label).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture = varied(*people[number % len(people)], np.random.default_rng(number))
        label = ("real", "fake")[number // len(people) % 2]
        if label == "fake":
            picture = Image.fromarray((np.asarray(picture) * GREEN).clip(0, 255).astype(np.uint8))
        picture.save(folder / label / f"{number:03}.jpg", quality=92)
    return folder


@cache
def portraits() -> list[tuple[Image.Image, list[float]]]:
    """Each with the box of its face."""
    finder = SmallFinder()
    people = [Image.open(p).convert("RGB") for p in sorted(EXAMPLES.glob("real-*.jpg"))]
    return [(p, finder.find_faces(np.asarray(p)).boxes_xyxy[0].tolist()) for p in people]


def varied(portrait: Image.Image, box: list[float], rng: np.random.Generator) -> Image.Image:
    """The face with more or less around it."""
    x0, y0, x1, y1 = box
    half = (y1 - y0) * rng.uniform(0.75, 1.1)
    x, y = (x0 + x1) / 2 + rng.uniform(-0.2, 0.2) * half, (y0 + y1) / 2 + rng.uniform(0, 0.2) * half
    turned = portrait.rotate(rng.uniform(-8, 8), Image.Resampling.BICUBIC, center=(x, y))
    cut = turned.crop(tuple(round(v) for v in (x - half, y - half, x + half, y + half)))
    if rng.random() < 0.5:
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return ImageEnhance.Brightness(cut.resize((SIDE_PX, SIDE_PX))).enhance(rng.uniform(0.7, 1.2))


def run_folder(folder: Path, logs: dict[str, list[list[str]]] | None = None) -> Path:
    """logs: stage -> for every time that it ran, the rows of metrics.csv."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("architecture: deep_cnn\nsamples: 640\n")
    for stage, parts in (logs or {}).items():
        for number, rows in enumerate(parts, start=1):
            part = folder / "logs" / stage / f"part-{number}"
            part.mkdir(parents=True)
            text = "epoch,loss,step,val_auc\n" + "".join(f"{row}\n" for row in rows)
            (part / "metrics.csv").write_text(text)
    return folder
