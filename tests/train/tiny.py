"""A drawn data set, cached, and a tiny network: a whole training run in seconds."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image
from torch import nn

from facetell.data.crops import (
    _PLACE_FIELDS,
    _POINT_FIELDS,
    _SAMPLE_FIELDS,
    REGIONS,
    CropCache,
)
from facetell.data.degrade import Augmentation
from facetell.train.networks.detector import Detector
from facetell.train.recipe import Recipe
from tests.shared import DRAWN_LANDMARKS, drawn_face

FIELDS = (*_SAMPLE_FIELDS, *_PLACE_FIELDS, *_POINT_FIELDS)


def tiny_network(*, pretrained: bool = True) -> Detector:
    """Two convolutions; the real ones are built the same way."""
    backbone = nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=4), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2)
    )
    return Detector(backbone, channels=16, dropout=0.1)


def tiny_recipe(**changes: object) -> Recipe:
    settings = {"architecture": "tiny", "samples": 256, "batch_size": 16, "size_px": 64,
                "learning_rate": 5e-3,
                "augmentation": Augmentation(crop_px_range=(48, 96))} | changes  # fmt: skip
    return Recipe(**settings)  # type: ignore[arg-type]


def drawn_cache(folder: Path, count: int = 24) -> CropCache:
    """Faces drawn in code; the fake ones are made of coarse blocks, which nothing hides."""
    folder.mkdir(parents=True)
    (folder / "regions").write_text(REGIONS)
    with (
        (folder / "index.csv").open("w", newline="") as index,
        (folder / "pixels.u8").open("wb") as pixels,
    ):
        rows = csv.writer(index)
        rows.writerow(FIELDS)
        for number in range(count):
            label = number % 2
            image = drawn_face(128, seed=number)
            if label:
                image = np.asarray(Image.fromarray(image).resize((10, 10)).resize((128, 128), 0))
            source = f"{('real', 'fake')[label]}{number % 4 // 2}"
            place = [pixels.tell(), 128, 128, 25, 15, 103, 117, *DRAWN_LANDMARKS.flat]
            split = "val" if number % 6 > 3 else "train"
            rows.writerow([f"{number}.png", label, split, source, "", str(number), *place])
            pixels.write(image.tobytes())
    return CropCache(folder)
