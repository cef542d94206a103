"""What decides the outcome of a training run: one record, written into the run and the model's
card."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from facetell.detect.crop import Align, CropSpec
from facetell.errors import DataError
from facetell.train.networks.registry import architecture


@dataclass(frozen=True)
class Recipe:
    """The recipe of the model that ships; change a value with `--set name=value`.

    architecture: a name in `networks.registry`, or timm's. pretrained: start from weights trained
        on other pictures, where there are some.
    samples: crops seen in all. Each is drawn by its number and the seed alone, so a run that was
        interrupted continues with exactly the sample that it would have seen.
    boost: weight of a source beside the root of its size (1.0 where not named).
    crop_px_range: side that a crop is shrunk to before compression, drawn log-uniformly; never
    enlarged.
    """

    architecture: str = "efficientnet_lite0"
    pretrained: bool = True
    samples: int = 80_000
    batch_size: int = 32
    seed: int = 1
    learning_rate: float = 8e-4
    weight_decay: float = 0.02
    warmup: float = 0.08
    ema_decay: float = 0.998
    label_smoothing: float = 0.02
    align: Align = "level"
    margin: float = 1.3
    size_px: int = 192
    crop_px_range: tuple[int, int] = (64, 288)
    boost: dict[str, float] = field(
        default_factory=lambda: {"stylegan1_140k": 2.0, "ffhq256_140k": 2.0}
    )

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
    def steps(self) -> int:
        return self.samples // self.batch_size


def read_recipe(config: Path | None, settings: Sequence[str] = ()) -> Recipe:
    """The recipe with what a YAML file changes, and after it `name=value` texts, values as in YAML.

    Raises DataError for a file that is none, a name that the recipe lacks, and a value of the wrong
    kind.
    """
    changes = _from_file(config) if config else {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise DataError(f"--set {setting}", hint="use name=value, such as --set seed=2")
        changes[name] = yaml.safe_load(text)
    names = [field.name for field in fields(Recipe)]
    if unknown := sorted(set(changes) - set(names)):
        raise DataError(
            f"the recipe has no {', '.join(unknown)}", hint=f"it has {', '.join(names)}"
        )
    try:
        return TypeAdapter(Recipe).validate_python(changes)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{where}: {first['msg']} (given {first['input']!r})", hint="see docs/training.md"
        ) from error


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
