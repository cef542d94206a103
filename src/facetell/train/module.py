"""A network in training, as Lightning runs it."""

from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics.classification import BinaryAUROC

from facetell.errors import DataError
from facetell.evaluate.runs import VAL_AUC
from facetell.train.layers import rate_groups, still
from facetell.train.optimisation import SCHEDULES, Optimisation, Stage, adamw

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""Network, inputs and targets of one batch -> scalar."""


class Training(LightningModule):
    """A network, its loss, and the stage of the recipe that it is in, of so many steps."""

    def __init__(
        self,
        net: nn.Module,
        loss: Loss,
        recipe: Optimisation,
        stage: Stage,
        steps: int,
    ) -> None:
        super().__init__()
        self.net = net
        self._loss = loss
        self._recipe = recipe
        self._stage = stage
        self._steps = steps
        self._still = still(net, stage.thaw, fixed=recipe.normalisation == "fixed")
        self._auc = BinaryAUROC()

    def train(self, mode: bool = True) -> "Training":
        super().train(mode)
        for module in self._still:
            module.eval()
        return self

    def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> Tensor:
        inputs, targets = batch
        value = self._loss(self.net, inputs.to(memory_format=torch.channels_last), targets)
        if not torch.isfinite(value):
            raise DataError(
                f"the loss is not a number at step {self.global_step}",
                hint="train with a smaller learning_rate, or with precision 32-true",
            )
        self.log("loss", value.detach(), prog_bar=False)
        return value

    def validation_step(self, batch: tuple[Tensor, Tensor], number: int) -> None:
        inputs, targets = batch
        logit, _ = self.net(inputs.to(memory_format=torch.channels_last))
        # As probabilities: torchmetrics would take each batch for such or for logits by itself.
        self._auc.update(logit.float().sigmoid(), targets.long())
        self.log(VAL_AUC, self._auc, on_epoch=True, batch_size=len(targets))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = adamw(
            rate_groups(self.net, self._recipe.layer_decay), self._recipe, self._stage
        )
        schedule = SCHEDULES[self._recipe.schedule](optimizer, self._recipe, self._steps)
        by_look = self._recipe.schedule == "plateau"
        return {
            "optimizer": optimizer,
            "lr_scheduler": {
                "scheduler": schedule,
                "interval": "epoch" if by_look else "step",
                "monitor": VAL_AUC if by_look else None,
            },
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["chance"] = torch.get_rng_state()  # of the dropout; the samples need none

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        torch.set_rng_state(checkpoint["chance"].cpu())
