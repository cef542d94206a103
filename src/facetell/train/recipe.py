"""What decides the outcome of a training run: one record, written into the run and the model's
card."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from facetell.data.crops import REGION_MARGIN
from facetell.data.degrade import AUGMENTATIONS, Augmentation
from facetell.detect.crop import Align, CropSpec
from facetell.errors import DataError
from facetell.evaluate.runs import CONFIG_NAME, read_config
from facetell.train.networks.folding import Arithmetic
from facetell.train.networks.registry import architecture
from facetell.train.optimisation import Optimisation, Share, Stage

Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
OneOrMore = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)
]

FEWEST_BETWEEN_LOOKS = 1000


@dataclass(frozen=True)
class Recipe(Optimisation):
    """How a detector is trained; change a value with `--set name=value`.

    Each sample is drawn by its number and the seed alone, so a run that was interrupted continues
    with exactly the sample that it would have seen.

    architecture: a name in `networks.registry`, or timm's. pretrained: where it starts: false for
        random weights, true for those of its package or of timm's hub, the name of an installed
        package with one file of weights, or the path of such a file (a run's checkpoint, or a model
        file).
    folded: batch normalisation is folded into the convolutions before training, so that a CPU
        learns a third faster, or more, from start weights that know such pictures; the 1x1
        convolutions then compute in this. null keeps the normalisation, and gives it back to a
        model file.
    head_samples: seen before all others by a first stage in which the backbone is frozen and only
        the head learns, at head_learning_rate; 0 for one stage alone. thaw: layers, counted from
        the head, that learn in the second stage; null for all.
    augmentation: a name in `data.degrade.AUGMENTATIONS`, or its fields.
    twins, blends: shares of the pairs that are a real and a fake picture of one group, and a real
        picture and its self-blend; the others are strangers.
    adversarial: half of the pairs are changed against the network by up to so much, of 255; 0 for
        none.
    teachers: model files that look at every crop, too; distilled: how much of what a crop should be
        taken for comes from them, the rest from its label.
    boost: weight of a source beside the root of its size (1.0 where not named).
    """

    architecture: str = "efficientnet_lite0"
    pretrained: bool | str = True
    folded: Arithmetic | None = None
    head_samples: Annotated[int, Field(ge=0)] = 0
    head_learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    thaw: Annotated[int, Field(ge=0)] | None = None
    label_smoothing: Share = 0.02
    align: Align = "level"
    margin: float = 1.3
    size_px: int = 192
    augmentation: Augmentation = field(default_factory=lambda: AUGMENTATIONS["forensic"])
    twins: Share = 0.0
    blends: Share = 0.0
    adversarial: Annotated[float, Field(ge=0)] = 0.0
    teachers: OneOrMore = ()
    distilled: Share = 0.7
    boost: dict[str, Weight] = field(default_factory=dict)

    @property
    def crop(self) -> CropSpec:
        chosen = architecture(self.architecture)
        return CropSpec(
            align=self.align,
            margin=self.margin,
            size_px=self.size_px,
            mean=chosen.mean,
            std=chosen.std,
        )

    @property
    def stages(self) -> list[Stage]:
        """One stage, or two where the head learns first."""
        last = Stage("all", self.head_samples, self.samples, self.learning_rate, self.thaw)
        if not self.head_samples:
            return [last]
        return [Stage("head", 0, self.head_samples, self.head_learning_rate, thaw=0), last]


def read_recipe(
    config: Path | None, settings: Sequence[str] = (), run: Path | None = None
) -> Recipe:
    """The recipe with what a YAML file changes, and after it `name=value` texts, values as in YAML.

    `augmentation.cut_out=0.3` changes one field of a part. run: the folder to train in; where
    `check_every` is not named, val is looked at as often as that run began, or else eight times in
    a short one. Raises DataError for a file that is
    none, a name that the recipe lacks, and a value of the wrong kind.
    """
    changes = _from_file(config) if config else {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise DataError(f"--set {setting}", hint="use name=value, such as --set seed=2")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise DataError(
                f"--set {setting} is no YAML", hint="quote text: name='a: b'"
            ) from error
        if name.startswith(_PART):
            changes["augmentation"] = _augmentation(changes.get("augmentation", "forensic"))
            changes["augmentation"][name.removeprefix(_PART)] = value
        else:
            changes[name] = value
    if "augmentation" in changes:
        changes["augmentation"] = _augmentation(changes["augmentation"])
        _refuse_unknown(changes["augmentation"], Augmentation, "the augmentation")
    _refuse_unknown(changes, Recipe, "the recipe")
    try:
        recipe = TypeAdapter(Recipe).validate_python(changes)
        _ = recipe.crop  # has bounds of its own
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{where}: {first['msg']} (given {first['input']!r})", hint="see docs/training.md"
        ) from error
    for impossible, why in _impossible(recipe).items():
        raise DataError(f"{impossible}: {why}", hint="see docs/training.md")
    if run is None or "check_every" in changes:
        return recipe
    return replace(recipe, check_every=_check_every(recipe, run))


def _check_every(recipe: Recipe, run: Path) -> int:
    if (run / CONFIG_NAME).exists():
        return int(read_config(run).get("check_every", recipe.check_every))
    return min(recipe.check_every, max(FEWEST_BETWEEN_LOOKS, recipe.samples // 8))


def _impossible(recipe: Recipe) -> dict[str, str]:
    """What no single bound forbids, and why it cannot be."""
    how = recipe.augmentation
    ranges = {"zoom": how.zoom, "crop_px_range": how.crop_px_range, "quality": how.quality}
    found = {
        f"augmentation.{name}": f"{low:g} to {high:g} is no range"
        for name, (low, high) in ranges.items()
        if not 0 < low <= high
    }
    if how.quality[1] > 100:
        found["augmentation.quality"] = "JPEG's ends at 100"
    if recipe.twins + recipe.blends > 1:
        found["twins and blends"] = "together they are more than all pairs"
    turned = 1 if recipe.align == "box" else 2**0.5
    if recipe.margin * turned > REGION_MARGIN:
        found["margin"] = f"align {recipe.align} has room for {REGION_MARGIN / turned:.2f}"
    return found


_PART = "augmentation."


def _augmentation(given: Any) -> dict[str, Any]:
    """A name -> all its fields; a mapping -> a copy of the fields that it gives."""
    if isinstance(given, str) and given in AUGMENTATIONS:
        return asdict(AUGMENTATIONS[given])
    if isinstance(given, dict):
        return dict(given)
    names = ", ".join(AUGMENTATIONS)
    raise DataError(f"no augmentation {given!r}", hint=f"use one of {names}, or its fields")


def _refuse_unknown(changes: dict[str, Any], kind: Any, what: str) -> None:
    names = [field.name for field in fields(kind)]
    if unknown := sorted(set(map(str, changes)) - set(names)):
        raise DataError(f"{what} has no {', '.join(unknown)}", hint=f"it has {', '.join(names)}")


def _from_file(path: Path) -> dict[str, Any]:
    try:
        changes = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(
            f"{path} cannot be read as YAML: {error}", hint="one `name: value` per line"
        ) from error
    if not isinstance(changes, dict):
        raise DataError(f"{path} holds no settings", hint="one `name: value` per line")
    return changes
