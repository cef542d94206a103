"""Train one network, from top to bottom; interrupt it and call it again to go on.

`fit` is the loop, the same for the detectors and for the face finder; what they differ in are the
samples, the loss and the recipe. Lightning runs it.
"""

import json
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import lightning.pytorch as lightning
import torch
import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, WeightAveraging
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from facetell.detect.heap import keep_freed_memory
from facetell.errors import DataError, OutputError
from facetell.evaluate.runs import CONFIG_NAME, LOGS_NAME, RESULTS, VAL_AUC, read_config
from facetell.train.checkpoints import (
    Checkpoint,
    Origin,
    has_begun,
    last_of,
    load_end,
    load_weights,
)
from facetell.train.module import Loss, Training
from facetell.train.optimisation import Optimisation, Stage

CHECKPOINT_EVERY = timedelta(seconds=60)
LOG_EVERY = 20  # steps

Net = TypeVar("Net", bound=nn.Module)
Pair = tuple[Tensor, Tensor]
"""What a sample is: what the network sees, and what it should say."""
Samples = Callable[[int, int], Dataset[Pair]]
"""Number of the first sample, and of the first that is too many -> the samples between."""


@dataclass(frozen=True)
class Machine:
    """What a training runs on; it changes nothing about the outcome but by rounding, as long as
    batch_size times the number of devices is the same.

    workers: processes per device that prepare samples. devices: per node, of the accelerator's
    kind: "auto", "cpu", "gpu", "mps".
    """

    workers: int = 1
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1

    def per_step(self, recipe: Optimisation) -> int:
        """Samples of one optimiser step."""
        return recipe.batch_size * self.devices * self.nodes


def use_machine(threads: int) -> None:
    """Before a training: so many threads learn, and memory stays with the process."""
    torch.set_num_threads(max(1, threads))
    keep_freed_memory()


@dataclass(frozen=True)
class Progress:
    """step: optimiser steps done, over all stages. loss: mean since the watcher was told last.
    val_auc: at the last look at the val split, where there was one."""

    step: int
    loss: float
    val_auc: float | None


Watcher = Callable[[Progress], None]


def steps_of(recipe: Optimisation, machine: Machine) -> int:
    """Optimiser steps of all stages."""
    return sum(stage.samples // machine.per_step(recipe) for stage in recipe.stages)


def fit(
    net: Net,
    samples: Samples,
    loss: Loss,
    recipe: Optimisation,
    run: Path,
    *,
    val: Dataset[Pair] | None = None,
    machine: Machine = Machine(),
    on_step: Watcher = lambda progress: None,
) -> Net:
    """Train `net` through the stages of a recipe; returns the averaged weights.

    run: folder that gets config.yaml, logs (CSV and TensorBoard) and checkpoints; a run that lies
    there already goes on. on_step: called every LOG_EVERY steps and at the end.
    Raises DataError when `run` is one of another recipe, the loss is no number, or the machine
    cannot do it; OutputError when the disk is full; KeyboardInterrupt on Ctrl-C.
    """
    keep_recipe(recipe, run)
    parts = [_Batches(samples, recipe, stage, val, machine) for stage in recipe.stages]
    for data in parts:
        if not data.steps:
            raise DataError(
                f"the stage {data.stage.name} has fewer samples than a batch", hint="give it more"
            )
    before = 0
    for number, data in enumerate(parts):
        if not any(last_of(run, later.stage).exists() for later in parts[number + 1 :]):
            watch = _Watch(on_step, before, last_of(run, data.stage))
            with _explained(run), watch.listening():
                _fit_stage(Training(net, loss, recipe, data.stage, data.steps), data, run, watch)
        before += data.steps
    load_weights(net, run, recipe, recipe.keep)
    return net.eval()


def _fit_stage(training: Training, data: "_Batches", run: Path, watch: "_Watch") -> None:
    training.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    training.train()  # Lightning keeps the modes that it finds
    last = last_of(run, data.stage)
    if last.exists() and load_end(training.net, last, data.steps):
        return
    with _possible_here():
        trainer = _trainer(data, run, watch)
    try:
        trainer.fit(training, data, ckpt_path=last if last.exists() else None, weights_only=True)
    except SystemExit as interrupted:  # how Lightning ends after Ctrl-C
        raise KeyboardInterrupt from interrupted
    trainer.save_checkpoint(last)
    if watch.asked_to_stop:
        raise KeyboardInterrupt  # in the last step, or while val was looked at behind it
    if trainer.global_rank and data.stage == data.recipe.stages[-1]:
        sys.exit(0)  # what follows is for the first process alone


def _trainer(data: "_Batches", run: Path, watch: "_Watch") -> lightning.Trainer:
    recipe, stage, machine = data.recipe, data.stage, data.machine
    return lightning.Trainer(
        accelerator=machine.accelerator,
        devices=machine.devices,
        num_nodes=machine.nodes,
        precision=recipe.precision,
        max_steps=data.steps,
        max_epochs=-1,
        limit_train_batches=max(1, min(data.steps, recipe.check_every // data.per_step)),
        limit_val_batches=0 if data.val is None else 1.0,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        gradient_clip_val=recipe.clip_norm,
        log_every_n_steps=max(1, min(LOG_EVERY, data.steps // 10)),
        num_sanity_val_steps=0,
        callbacks=[
            Origin(run),
            *_callbacks(recipe, last_of(run, stage).parent, data.val is not None, watch),
        ],
        logger=_loggers(run / LOGS_NAME, f"{1 + recipe.stages.index(stage)}-{stage.name}"),
        enable_progress_bar=False,
        enable_model_summary=False,
    )


class _Batches(lightning.LightningDataModule):
    """Loaders that begin with the sample after the last one learnt from, whatever came before.

    With several devices, each takes whole batches in turn, so that pairs stay together.
    """

    def __init__(
        self,
        samples: Samples,
        recipe: Optimisation,
        stage: Stage,
        val: Dataset[Pair] | None,
        machine: Machine,
    ) -> None:
        super().__init__()
        self._samples = samples
        self.recipe = recipe
        self.stage = stage
        self.val = val
        self.machine = machine
        self.per_step = machine.per_step(recipe)
        self.steps = stage.samples // self.per_step

    def train_dataloader(self) -> DataLoader[Pair]:
        assert self.trainer is not None
        first = self.stage.first + self.trainer.global_step * self.per_step
        end = self.stage.first + self.steps * self.per_step
        size = self.recipe.batch_size
        starts = range(self.trainer.global_rank * size, end - first, self.per_step)
        batches = [range(start, start + size) for start in starts]
        return self._loader(self._samples(first, end), batch_sampler=batches)

    def val_dataloader(self) -> DataLoader[Pair] | list[Any]:
        return [] if self.val is None else self._loader(self.val, batch_size=self.recipe.batch_size)

    def _loader(self, dataset: Dataset[Pair], **batches: Any) -> DataLoader[Pair]:
        return DataLoader(
            dataset,
            num_workers=self.machine.workers,
            generator=torch.Generator(),  # its own, so that resuming leaves dropout's chance alone
            **batches,
        )


class _Watch(Callback):
    """Tells the watcher of the loss and the AUC on val; on Ctrl-C, ends the run behind the step
    that it is in, with a checkpoint."""

    def __init__(self, on_step: Watcher, before: int, last: Path) -> None:
        """before: steps of the stages before."""
        self._on_step = on_step
        self._before = before
        self._last = last
        self.asked_to_stop = False
        self._losses: list[Tensor] = []  # since the watcher was told last

    @contextmanager
    def listening(self) -> Iterator[None]:
        """For Ctrl-C; a second one ends it at once."""
        if threading.current_thread() is not threading.main_thread():
            yield  # signals are the main thread's
            return
        before = signal.signal(signal.SIGINT, self._stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.asked_to_stop:
            raise KeyboardInterrupt
        self.asked_to_stop = True

    def on_train_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, number: int
    ) -> None:
        step = trainer.global_step
        self._losses.append(outputs["loss"].detach())
        if step % LOG_EVERY == 0 or step == trainer.max_steps:
            auc = trainer.callback_metrics.get(VAL_AUC)
            loss = float(torch.stack(self._losses).mean())
            self._losses.clear()
            self._on_step(Progress(self._before + step, loss, None if auc is None else float(auc)))
        # Lightning skips the plateau schedule at the first look of a run that went on.
        trainer.fit_loop._restarting = False
        # Behind the last step before a look at val, that look and what follows from it come first.
        if self.asked_to_stop and not trainer.is_last_batch:
            trainer.save_checkpoint(self._last)
            raise KeyboardInterrupt


def _callbacks(recipe: Optimisation, folder: Path, has_val: bool, watch: _Watch) -> list[Callback]:
    average = WeightAveraging(multi_avg_fn=_warming_average(recipe.ema_decay))
    last = Checkpoint(
        folder, "last", train_time_interval=CHECKPOINT_EVERY, enable_version_counter=False
    )
    callbacks = [average, last, watch]
    if has_val:
        callbacks.append(
            Checkpoint(folder, "best", monitor=VAL_AUC, mode="max", enable_version_counter=False)
        )
    if has_val and recipe.patience:
        callbacks.append(EarlyStopping(VAL_AUC, mode="max", patience=recipe.patience))
    return callbacks


def _warming_average(decay: float) -> Callable[[Any, Any, Any], None]:
    """An exponential moving average that is short at first, so that the random start does not weigh
    on short runs: after n steps, it keeps at most (1 + n) / (10 + n) of what it was."""

    def average(averaged: Any, current: Any, seen: Any) -> None:
        now = min(decay, (1 + int(seen)) / (10 + int(seen)))
        get_ema_multi_avg_fn(now)(averaged, current, seen)  # type: ignore[no-untyped-call]

    return average


@contextmanager
def _possible_here() -> Iterator[None]:
    """An accelerator, a number of devices or a precision that this machine has not."""
    try:
        yield
    except (MisconfigurationException, ValueError) as error:
        raise DataError(
            f"this machine cannot train so: {str(error).strip().splitlines()[0]}",
            hint="see --accelerator, --devices and the recipe's precision",
        ) from error


def _loggers(folder: Path, name: str) -> list[Logger]:
    """A CSV file for every time the run goes on, because Lightning's would begin anew."""
    part = f"part-{len(list((folder / name).glob('part-*'))) + 1}"
    return [
        CSVLogger(folder, name, part, flush_logs_every_n_steps=LOG_EVERY),
        TensorBoardLogger(folder, name, ""),
    ]


@contextmanager
def _explained(run: Path) -> Iterator[None]:
    """What can go wrong outside of the recipe, with its remedy; and Lightning's advice unsaid."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    except (RuntimeError, OSError) as error:
        if "alloc" in str(error) or "out of memory" in str(error):
            raise DataError(
                "there is not enough memory for a batch",
                hint="train with a smaller batch_size or size_px",
            ) from error
        if "DataLoader worker" in str(error):
            raise DataError(
                f"a process that prepares samples ended: {str(error).strip().splitlines()[-1]}",
                hint="is the crop cache whole, and is there memory left? Then go on with --resume",
            ) from error
        if isinstance(error, OSError):
            raise OutputError(
                f"the run in {run} cannot go on: {error.strerror or error}",
                hint="is the disk full? Make room, then go on with --resume",
            ) from error
        raise


def keep_recipe(recipe: Optimisation, run: Path) -> None:
    """Write the recipe into the run folder; where something was learnt by one already, it must be
    the same."""
    path = run / CONFIG_NAME
    own, default = (
        json.loads(json.dumps(asdict(each), default=str)) for each in (recipe, type(recipe)())
    )
    if has_begun(run) or any((run / name).exists() for name in RESULTS):
        kept = default | read_config(run)  # which an older version may have written
        if kept != own:
            raise DataError(
                f"{run} was made by another recipe", hint="use another --out, or the same settings"
            )
    run.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(own, sort_keys=False), encoding="utf-8")
