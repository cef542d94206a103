"""What a run keeps of its network, and how it is read again."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor, nn

from facetell.errors import DataError
from facetell.evaluate.runs import CHECKPOINTS_NAME, CONFIG_NAME
from facetell.train.learnt import DATA_NAME, LEARNT
from facetell.train.networks.detector import Detector
from facetell.train.networks.start import built
from facetell.train.optimisation import Keep, Optimisation, Stage
from facetell.train.recipe import Recipe, read_recipe

DAMAGED = "it is damaged or of another version: start anew with another --out"


def has_begun(run: Path) -> bool:
    """Whether a run folder holds anything learnt."""
    return any(run.glob(f"{CHECKPOINTS_NAME}/*/*.ckpt"))


def last_of(run: Path, stage: Stage) -> Path:
    return run / CHECKPOINTS_NAME / stage.name / "last.ckpt"


def load_run(run: Path, keep: Keep | None = None) -> tuple[Detector, Recipe]:
    """The detector of a run folder with the averaged weights that it kept, by default those that
    its recipe names. Raises DataError where it has none."""
    recipe = read_recipe(run / CONFIG_NAME)
    net = built(recipe.architecture, recipe.size_px, False, recipe.folded)
    load_weights(net, run, recipe, keep or recipe.keep)
    return net.eval(), recipe


def load_weights(net: nn.Module, run: Path, recipe: Optimisation, keep: Keep) -> None:
    """Give a network the averaged weights that a run kept: those of the `best` look or the `last`.

    Raises DataError where there are none, or where they are another network's.
    """
    path = _kept(run, recipe, keep)
    net.load_state_dict(_averaged(_read(path), net, path))


def load_end(net: nn.Module, last: Path, steps: int) -> bool:
    """Give a network the averaged weights of a stage's last checkpoint where the stage has ended;
    returns whether it has. Raises DataError where they are another network's, ended or not."""
    content = _read(last)
    weights = _averaged(content, net, last)
    ended = _has_ended(content, steps)
    if ended:
        net.load_state_dict(weights)
    return ended


def steps_of_kept(run: Path, recipe: Optimisation, keep: Keep) -> int:
    """How many steps of the last stage the weights had learnt for that a run kept. Raises DataError
    as `load_weights` does."""
    return int(_read(_kept(run, recipe, keep)).get("global_step", 0))


def _kept(run: Path, recipe: Optimisation, keep: Keep) -> Path:
    path = run / CHECKPOINTS_NAME / recipe.stages[-1].name / f"{keep}.ckpt"
    if not path.exists():
        raise DataError(f"{path} is not there", hint="has the run come so far? facetell runs")
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    # An unpickler fails in many ways on bytes that are none; all of them mean one thing.
    except Exception as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__})", hint=DAMAGED) from error
    return content


def _averaged(content: dict[str, Any], net: nn.Module, path: Path) -> dict[str, Tensor]:
    """The averaged weights in a checkpoint. Raises DataError when they are not those of `net`."""
    state = content.get("state_dict", {})
    weights = {name.removeprefix("net."): v for name, v in state.items() if name.startswith("net.")}
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    if shapes != {name: tuple(value.shape) for name, value in net.state_dict().items()}:
        raise DataError(f"{path} is a checkpoint of another network", hint=DAMAGED)
    return weights


def _has_ended(content: dict[str, Any], steps: int) -> bool:
    """Whether a checkpoint is of its stage's end, which may have come early."""
    callbacks = content.get("callbacks", {})
    early = (s.get("stopped_epoch", 0) for name, s in callbacks.items() if "EarlyStopping" in name)
    return content.get("global_step", 0) >= steps or any(early)


class Origin(Callback):
    """Gives every checkpoint what its run's folder says of the data, so that a copy knows it."""

    def __init__(self, run: Path) -> None:
        self._data = run / DATA_NAME

    def on_save_checkpoint(self, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
        if self._data.exists():
            checkpoint[LEARNT] = self._data.read_text(encoding="utf-8")


class Checkpoint(ModelCheckpoint):
    """Saves nothing between the last step before a look at val and that look: a run that went on
    from there would miss it. A run whose folder was moved still knows its best look."""

    @property
    def state_key(self) -> str:
        return f"_{super().state_key}"  # so called in the checkpoints of older runs

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        def here(path: str) -> str:
            return str(Path(str(self.dirpath)) / Path(path).name) if path else path

        paths = ("best_model_path", "last_model_path", "kth_best_model_path")
        moved = {name: here(state_dict[name]) for name in paths if name in state_dict}
        best = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict(
            state_dict | moved | {"dirpath": self.dirpath, "best_k_models": best}
        )

    def on_train_batch_end(self, trainer: Any, *about: Any) -> None:
        if not trainer.is_last_batch:
            super().on_train_batch_end(trainer, *about)
