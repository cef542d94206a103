"""From trained weights to a model file that may judge: calibrated, with thresholds and a card."""

import datetime
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from facetell._version import __version__
from facetell.data.manifest import Sample
from facetell.detect.analyze import Detector
from facetell.detect.calibrate import Calibration, ClipCalibration, Thresholds
from facetell.detect.card import CARD_VERSION, Measured, ModelCard
from facetell.detect.crop import Align
from facetell.detect.model import Model
from facetell.errors import DataError
from facetell.evaluate.calibration import fit_calibration, fit_thresholds
from facetell.evaluate.found import val_table
from facetell.evaluate.score import (
    Score,
    judged,
    labels_of,
    log_odds_of,
    score_samples,
    write_scores,
)
from facetell.evaluate.table import summarise
from facetell.train.export import onnx_bytes, write_model
from facetell.train.learnt import Learnt
from facetell.train.networks.detector import Detector as Network
from facetell.train.recipe import Recipe

TIERS = ("clean", "web", "hard")
FALSE_ALARMS = 0.01
MISSES = 0.05

NOT_FITTED: dict[str, Any] = {
    "calibration": Calibration(slope=1, intercept=0),
    "clips": ClipCalibration(),
    "thresholds": Thresholds(real_below=0, fake_from=1),
    "smallest_face_px": 1,
    "metrics": (),
    "robustness": (),
}
"""What a card says before anything was judged: scores are raw logits, thresholds say nothing."""

BLIND, WEAK = 0.75, 0.9
"""AUC on val, tier web: below BLIND a kind of fake is hardly told, below WEAK not well."""
UNTRIED = "Generators that it was not trained on were not measured."


def release(
    net: Network,
    recipe: Recipe,
    learnt: Learnt,
    val: Sequence[Sample],
    path: Path,
    *,
    name: str,
    threads: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ModelCard:
    """Export a trained network and calibrate it; see `calibrate`.

    learnt: what the network comes from.
    """
    data = onnx_bytes(net, recipe.size_px)
    draft = draft_card(recipe, learnt, name)
    return calibrate(data, draft, val, path, threads=threads, on_progress=on_progress)


def recalibrate(
    model: Path,
    align: Align,
    val: Sequence[Sample],
    path: Path,
    *,
    threads: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ModelCard:
    """Fit a model's calibration and thresholds again, for another finder or another way to place
    the crops; its weights stay as they are. Raises ModelError when `model` is no model file."""
    card = Model.load(model).card
    crop = card.crop.model_copy(update={"align": align})
    draft = card.model_copy(update={"crop": crop, **NOT_FITTED})
    data = model.read_bytes()
    return calibrate(data, draft, val, path, threads=threads, on_progress=on_progress)


def calibrate(
    data: bytes,
    draft: ModelCard,
    val: Sequence[Sample],
    path: Path,
    *,
    threads: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ModelCard:
    """Judge the validation pictures as a user would, fit on them, and write the model file.

    data: ONNX bytes. draft: its card, NOT_FITTED. val: samples of the `val` split; what the
    model says of them is kept beside it (`val_table`). on_progress: called with pictures judged and
    pictures in all.
    """
    if not val or any(sample.split != "val" for sample in val):
        raise DataError(
            "calibration and thresholds need samples of the val split, and only those",
            hint="give a manifest that has a val split",
        )
    unfitted = path.with_suffix(".draft")  # so that `path` itself is always a finished model
    write_model(data, draft, unfitted)
    scores = _score_tiers(val, Detector.load(unfitted), threads, on_progress)
    unfitted.unlink()
    card = _fitted(draft, scores)
    for tier, rows in scores.items():
        write_scores([_as_carded(row, card) for row in rows], val_table(path, tier))
    write_model(data, card, path)
    return card


def today() -> str:
    """The date that a card says it was made on."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def draft_card(recipe: Recipe, learnt: Learnt, name: str) -> ModelCard:
    """All that is known before judging: scores are raw logits, thresholds say nothing."""
    return ModelCard(
        card_version=CARD_VERSION,
        name=name,
        version=__version__,
        created=today(),
        crop=recipe.crop,
        **NOT_FITTED,
        trained_on=learnt.trained_on,
        recipe=asdict(recipe)
        | {"pretrained": _without_folder(recipe.pretrained), "teachers": learnt.teachers},
        start_weights=learnt.start_weights,
        licence="Apache-2.0; trained on research data with mixed or unstated licences",
        limits=(UNTRIED,),
    )


def _without_folder(pretrained: bool | str) -> bool | str:
    """A card travels: it names the file that training started from, not its folders."""
    return pretrained if isinstance(pretrained, bool) else Path(pretrained).name


def _score_tiers(
    val: Sequence[Sample],
    detector: Detector,
    threads: int,
    on_progress: Callable[[int, int], None],
) -> dict[str, list[Score]]:
    total = len(val) * len(TIERS)
    scores: dict[str, list[Score]] = {tier: [] for tier in TIERS}
    for number, tier in enumerate(TIERS):
        for done, score in enumerate(score_samples(val, detector, tier, threads), start=1):
            scores[tier].append(score)
            on_progress(number * len(val) + done, total)
    return scores


def _fitted(draft: ModelCard, scores: dict[str, list[Score]]) -> ModelCard:
    """The card with calibration, thresholds and numbers from the scores of the draft."""
    rows = judged(score for tier in TIERS for score in scores[tier])
    labels, logits = labels_of(rows), log_odds_of(rows)
    where = f"val, tiers {', '.join(TIERS)}, {len(rows)} judged pictures"
    calibration = fit_calibration(labels, logits, where)
    p_fake = calibration.p_fake(logits.astype(np.float32)).astype(np.float64)
    thresholds = fit_thresholds(
        p_fake[labels == 0],
        p_fake[labels == 1],
        false_alarms=FALSE_ALARMS,
        misses=MISSES,
        fitted_on=f"{where}: at most {FALSE_ALARMS:.0%} of the real ones called fake, at most "
        f"{MISSES:.0%} of all fakes together called real",
    )
    metrics = tuple(m for tier in TIERS for m in _measured(scores[tier], tier))
    return draft.model_copy(
        update={
            "calibration": calibration,
            "thresholds": thresholds,
            "smallest_face_px": int(np.quantile([s.face_px for s in rows if s.face_px], 0.01)),
            "metrics": metrics,
            "limits": (*shortcomings(metrics), untried(rows, draft.trained_on)),
        }
    )


def shortcomings(metrics: Sequence[Measured]) -> list[str]:
    """What a model was measured not to tell, in words."""
    rows = sorted((row for row in metrics if row.tier == "web"), key=lambda row: row.auc)
    blind = [f"{row.name} ({row.auc:.2f})" for row in rows if row.auc < BLIND]
    weak = [f"{row.name} ({row.auc:.2f})" for row in rows if BLIND <= row.auc < WEAK]
    said = []
    if blind:
        said.append(
            f"Hardly told apart in our tests (fakes / reals, AUC, 0.5 is chance): "
            f"{', '.join(blind)}. Against such fakes, a verdict of real says nothing."
        )
    if weak:
        said.append(f"Not told apart well in our tests (fakes / reals, AUC): {', '.join(weak)}.")
    return said


def untried(scores: Sequence[Score], trained_on: Collection[str]) -> str:
    """Which generators were measured though no picture of their sources was learnt from, in words.

    trained_on: names of sources.
    """
    fakes = [score for score in scores if score.label and score.source not in trained_on]
    unseen = sorted({score.generator or score.source for score in fakes})
    if not unseen:
        return UNTRIED
    return f"Of generators that it was not trained on, only these were tested: {', '.join(unseen)}."


def _as_carded(draft: Score, card: ModelCard) -> Score:
    """A raw score as the model with this card says it."""
    if draft.log_odds is None:
        return draft
    logit = np.asarray(draft.log_odds, np.float32)
    p_fake = float(card.calibration.p_fake(logit))
    return replace(
        draft,
        log_odds=float(card.calibration.log_odds(logit)),
        p_fake=p_fake,
        verdict=card.thresholds.verdict(p_fake),
    )


def _measured(scores: Sequence[Score], tier: str) -> list[Measured]:
    if not judged(scores):
        return []
    return [
        Measured(
            name=row.name,
            tier=tier,
            split="val",
            fakes=row.fakes,
            reals=row.reals,
            auc=round(row.auc.value, 4),
            low=round(row.auc.low, 4),
            high=round(row.auc.high, 4),
        )
        for row in summarise(scores).comparisons
        if row.auc is not None
    ]
