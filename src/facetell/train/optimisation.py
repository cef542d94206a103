"""What any training here can choose: how much, how fast, when to stop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR, ReduceLROnPlateau

Schedule = Literal["one_cycle", "cosine", "plateau", "constant"]
Keep = Literal["best", "last"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Stage:
    """A part of a training with its own optimiser.

    first: number of its first sample. thaw: layers of the backbone that learn, counted from the
        head; None for all, 0 for the head alone.
    """

    name: str
    first: int
    samples: int
    learning_rate: float
    thaw: int | None = None


@dataclass(frozen=True)
class Optimisation:
    """AdamW with averaged weights; every recipe is one of these and more.

    samples: seen in all, without those of a first stage. learning_rate: the highest of the
        schedule. warmup: share of the steps in which a one-cycle schedule rises.
    layer_decay: how much slower each layer of a detector's backbone learns than the one after it.
    ema_decay: of the exponential moving average of the weights, which is what is kept; less in the
        first steps.
    clip_norm: longest gradient. precision: of the network's arithmetic.
    normalisation: of a batch by its own statistics, or by those of the start, which stay fixed
        while scale and shift learn (He et al. 2015, https://arxiv.org/abs/1512.03385, appendix A).
    check_every: samples after which the val split is looked at. patience: such looks without a
        better AUC before training stops; 0 never stops it early. keep: which averaged weights
        become the model, those of the best look or the last ones.
    """

    samples: Annotated[int, Field(ge=1)] = 80_000
    batch_size: Annotated[int, Field(ge=1)] = 32
    seed: Annotated[int, Field(ge=0)] = 1
    learning_rate: Annotated[float, Field(gt=0)] = 8e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.02
    schedule: Schedule = "one_cycle"
    warmup: Share = 0.08
    layer_decay: Annotated[float, Field(gt=0)] = 1.0
    ema_decay: Share = 0.998
    clip_norm: Annotated[float, Field(gt=0)] = 5.0
    precision: Precision = "32-true"
    normalisation: Literal["batch", "fixed"] = "batch"
    check_every: Annotated[int, Field(ge=1)] = 8000
    patience: Annotated[int, Field(ge=0)] = 0
    keep: Keep = "last"

    @property
    def stages(self) -> list[Stage]:
        """What is trained one after the other; here one stage for all."""
        return [Stage("all", 0, self.samples, self.learning_rate)]


def _one_cycle(optimizer: Optimizer, recipe: Optimisation, steps: int) -> OneCycleLR:
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    warmup = recipe.warmup
    if round(warmup * steps, 6) == 1:  # torch divides by the rising steps less one
        warmup = 0.0
    return OneCycleLR(optimizer, rates, total_steps=steps, pct_start=warmup)


SCHEDULES: dict[Schedule, Callable[[Optimizer, Optimisation, int], Any]] = {
    "one_cycle": _one_cycle,
    "cosine": lambda optimizer, recipe, steps: CosineAnnealingLR(optimizer, steps),
    "plateau": lambda optimizer, recipe, steps: ReduceLROnPlateau(
        optimizer, mode="max", factor=0.3, patience=1
    ),
    "constant": lambda optimizer, recipe, steps: LambdaLR(optimizer, lambda step: 1.0),
}
"""Optimiser, recipe and number of steps -> schedule. `plateau` follows the AUC on val."""


def adamw(
    groups: list[dict[str, Any]], recipe: Optimisation, stage: Stage
) -> torch.optim.Optimizer:
    """groups: of parameters, as torch's optimisers take them, each with a `scale` of the rate."""
    scaled = [
        {"params": group["params"], "lr": stage.learning_rate * group["scale"]} for group in groups
    ]
    return torch.optim.AdamW(scaled, weight_decay=recipe.weight_decay)
