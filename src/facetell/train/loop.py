"""Train one network, from top to bottom; interrupt it and call it again to go on.

`fit` is the loop, the same for the detectors and for the face finder; what they differ in are the
samples, the loss and the recipe.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from facetell.data.crops import CropCache
from facetell.errors import DataError
from facetell.train.dataset import TrainingSamples
from facetell.train.finder_recipe import FinderRecipe
from facetell.train.networks.detector import Detector
from facetell.train.networks.registry import architecture
from facetell.train.recipe import Recipe

CHECKPOINT_EVERY = 100  # steps
LOG_EVERY = 20  # steps

Net = TypeVar("Net", bound=nn.Module)
Pair = tuple[Tensor, Tensor]
"""What a sample is: what the network sees, and what it should say."""


def train(
    cache: CropCache,
    recipe: Recipe,
    run: Path,
    *,
    workers: int = 1,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> Detector:
    """Train a detector by `recipe`; see `fit`."""
    torch.manual_seed(recipe.seed)

    def loss(net: nn.Module, crops: Tensor, labels: Tensor) -> Tensor:
        logit, _ = net(crops)
        soft = labels * (1 - recipe.label_smoothing) + recipe.label_smoothing / 2
        return nn.functional.binary_cross_entropy_with_logits(logit, soft)

    return fit(
        architecture(recipe.architecture).build(recipe.size_px, recipe.pretrained),
        lambda first: TrainingSamples(cache, recipe, first),
        loss,
        recipe,
        run,
        workers=workers,
        on_step=on_step,
    )


def fit(
    net: Net,
    samples: Callable[[int], Dataset[Pair]],
    loss: Callable[[nn.Module, Tensor, Tensor], Tensor],
    recipe: Recipe | FinderRecipe,
    run: Path,
    *,
    workers: int = 1,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> Net:
    """Train `net`, keeping log and checkpoint in the folder `run`; returns the averaged weights.

    samples: number of the first sample -> the samples from there on. loss: network, inputs and
    targets of one batch -> scalar. on_step: called with the step's number and the mean loss since
    the last call.
    Raises DataError when `run` holds a checkpoint of another recipe, or the loss is no number.
    """
    run.mkdir(parents=True, exist_ok=True)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaging = get_ema_multi_avg_fn(recipe.ema_decay)  # type: ignore[no-untyped-call]
    average = AveragedModel(net, multi_avg_fn=averaging, use_buffers=True)
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.steps, pct_start=recipe.warmup
    )
    parts: dict[str, Any] = {
        "net": net, "average": average, "optimizer": optimizer, "schedule": schedule,
    }  # fmt: skip
    first = _resume(run / "last.pt", recipe, parts)
    loader = DataLoader(
        samples(first * recipe.batch_size),
        batch_size=recipe.batch_size,
        drop_last=True,
        num_workers=workers,
        generator=torch.Generator(),  # its own, so that resuming leaves dropout's chance alone
    )
    losses: list[float] = []
    started = time.monotonic()
    net.train()
    for step, (inputs, targets) in enumerate(loader, start=first + 1):
        value = loss(net, inputs.to(memory_format=torch.channels_last), targets)
        losses.append(_descend(value, net, optimizer))
        schedule.step()
        average.update_parameters(net)
        if step % LOG_EVERY == 0 or step == recipe.steps:
            mean = sum(losses) / len(losses)
            rate = (step - first) * recipe.batch_size / (time.monotonic() - started)
            _log(run / "log.jsonl", step=step, loss=mean, samples_per_s=rate)
            on_step(step, mean)
            losses.clear()
        if step % CHECKPOINT_EVERY == 0 or step == recipe.steps:
            _save(run / "last.pt", recipe, step, parts)
    averaged = average.module
    assert isinstance(averaged, type(net))
    return averaged.eval()


def _descend(loss: Tensor, net: nn.Module, optimizer: torch.optim.Optimizer) -> float:
    """One step down; returns the loss."""
    value = float(loss.detach())
    if value != value:
        raise DataError("the loss is not a number", hint="train with a smaller learning_rate")
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(net.parameters(), 5.0)
    optimizer.step()
    return value


def _save(path: Path, recipe: Recipe | FinderRecipe, step: int, parts: dict[str, Any]) -> None:
    """Write beside and rename, so that an interrupted write never costs the last good
    checkpoint."""
    state = {name: part.state_dict() for name, part in parts.items()}
    beside = path.with_suffix(".part")
    chance = torch.get_rng_state()  # of the dropout; the samples need none
    torch.save({"recipe": asdict(recipe), "step": step, "chance": chance, **state}, beside)
    beside.replace(path)


def _resume(path: Path, recipe: Recipe | FinderRecipe, parts: dict[str, Any]) -> int:
    """Load a checkpoint where there is one; returns the number of steps already done."""
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["recipe"] != asdict(recipe):
        raise DataError(
            f"{path} was made by another recipe", hint="use another --out, or the same settings"
        )
    for name, part in parts.items():
        part.load_state_dict(state[name])
    torch.set_rng_state(state["chance"])
    return int(state["step"])


def _log(path: Path, **row: float) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({k: round(v, 5) for k, v in row.items()}) + "\n")
