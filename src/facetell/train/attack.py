"""How a network holds when somebody who has it changes pictures against it.

Attacks change every colour of a crop by at most so much: one step along the gradient's sign (FGSM,
Goodfellow et al. 2015, https://arxiv.org/abs/1412.6572), or many (PGD, Madry et al. 2018,
https://arxiv.org/abs/1706.06083), by IBM's Adversarial Robustness Toolbox. Both push fakes towards
real and reals towards fake. What comes out is rounded to whole colours: it could be saved.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescent
from art.estimators.classification import PyTorchClassifier
from torch import Tensor, nn

from facetell.data.manifest import Sample
from facetell.detect import analyze
from facetell.detect.card import ModelCard
from facetell.detect.crop import CropSpec, cut_square
from facetell.detect.draw import seen_square
from facetell.detect.media import read_picture
from facetell.errors import MediaError
from facetell.evaluate.score import Score, unjudged
from facetell.evaluate.stress import UNTREATED
from facetell.train.networks.detector import Detector
from facetell.types import FloatArray, Status, UInt8Array

STRENGTHS = (1, 2, 4, 8)
"""Largest change of a colour, of 255."""
PGD_STEPS = 10
BATCH = 16
ATTACKS: dict[str, Callable[[PyTorchClassifier, int], FastGradientMethod]] = {
    "FGSM, of 255": lambda net, eps: FastGradientMethod(net, eps=eps, batch_size=BATCH),
    "PGD, of 255": lambda net, eps: ProjectedGradientDescent(
        net, eps=eps, eps_step=eps / 4, max_iter=PGD_STEPS, batch_size=BATCH, verbose=False
    ),
}


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model saw of a sample: the crop of its most suspicious face, [S, S, 3] uint8 RGB, None
    where `row` says that there was none."""

    row: Score
    crop: UInt8Array | None


class TwoSides(nn.Module):
    """A detector as attack libraries want it: [N, 3, S, S] float32 0..255 -> [N, 2], real and
    fake."""

    mean: Tensor
    std: Tensor

    def __init__(self, net: Detector, spec: CropSpec) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.tensor(spec.mean)[:, None, None])
        self.register_buffer("std", torch.tensor(spec.std)[:, None, None])

    def forward(self, colours: Tensor) -> Tensor:
        logit: Tensor = self.net((colours - self.mean) / self.std)[0]
        return torch.stack((-logit / 2, logit / 2), dim=1)


def see(sample: Sample, detector: analyze.Detector) -> Seen:
    """As `facetell detect` would."""
    row, spec = unjudged(sample, "attacked"), detector.model.card.crop
    try:
        picture = read_picture(sample.path)
    except MediaError:
        return Seen(row, None)
    report = analyze.analyze_picture(picture, sample.path, detector)
    if report.status is not Status.OK:
        return Seen(replace(row, status=report.status), None)
    square = seen_square(picture, report.faces[0])
    crop = cut_square(picture.image, square, spec.size_px, spec.resample)
    return Seen(replace(row, status=Status.OK), crop)


def attack(
    seen: Sequence[Seen],
    net: Detector,
    card: ModelCard,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Iterator[tuple[str, str, list[Score]]]:
    """Scores of the crops as they are, then after every attack of ATTACKS at every strength: kind,
    level, rows.

    net: in evaluation mode; card: of the model file made of it. on_progress: called with crops
    done.
    """
    target = TwoSides(net, card.crop).eval()
    classifier = PyTorchClassifier(
        target,
        loss=nn.CrossEntropyLoss(),
        input_shape=(3, card.crop.size_px, card.crop.size_px),
        nb_classes=2,
        clip_values=(0, 255),
        device_type="cpu",
    )
    crops = np.stack([one.crop for one in seen if one.crop is not None]).transpose(0, 3, 1, 2)
    labels = np.array([one.row.label for one in seen if one.crop is not None])
    yield UNTREATED, "", _scores(seen, _logits(target, crops), card)
    done = 0
    for kind, made in ATTACKS.items():
        for strength in STRENGTHS:
            attacker = made(classifier, strength)
            changed = []
            for start in range(0, len(crops), BATCH):
                batch = crops[start : start + BATCH].astype(np.float32)
                sides = np.eye(2, dtype=np.float32)[labels[start : start + BATCH]]
                changed.append(attacker.generate(batch, sides).round())
                done += len(batch)
                on_progress(done)
            logits = _logits(target, np.concatenate(changed))
            yield kind, str(strength), _scores(seen, logits, card)


def _logits(target: TwoSides, crops: npt.NDArray[Any]) -> FloatArray:
    """crops: [N, 3, S, S], 0..255."""
    with torch.no_grad():
        sides = [
            target(torch.from_numpy(crops[start : start + BATCH].astype(np.float32)))
            for start in range(0, len(crops), BATCH)
        ]
    return np.asarray(torch.cat(sides)[:, 1].numpy() * 2, np.float32)


def _scores(seen: Sequence[Seen], logits: FloatArray, card: ModelCard) -> list[Score]:
    """logits: of those with a crop, in order."""
    log_odds = iter(card.calibration.log_odds(logits).tolist())
    p_fakes = iter(card.calibration.p_fake(logits).tolist())
    rows = []
    for one in seen:
        row = one.row
        if one.crop is not None:
            p = next(p_fakes)
            verdict = card.thresholds.verdict(p)
            row = replace(row, log_odds=next(log_odds), p_fake=p, verdict=verdict)
        rows.append(row)
    return rows
