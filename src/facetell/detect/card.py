"""What travels with a model: the card, kept as JSON in the ONNX file's metadata."""

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from facetell.detect.calibrate import Calibration, ClipCalibration, Thresholds
from facetell.detect.crop import CropSpec
from facetell.errors import ModelError

CARD_KEY = "facetell_card"
CARD_VERSION = 1


class Measured(BaseModel):
    """One measured number: what was told apart, how well, on what.

    auc, low, high: area under the ROC curve and its 95 % interval, in [0, 1].
    """

    model_config = ConfigDict(frozen=True)

    name: str
    tier: str
    split: str
    fakes: int
    reals: int
    auc: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)


class Hardship(BaseModel):
    """How the model did after one treatment of the pictures: a row of its robustness card.

    kind, level: what was done to them, and how much of it. balanced_accuracy: at the card's own
    thresholds, uncertain counted as not fake. uncertain: share of the judged. unjudged: pictures in
    which no face was found any more.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    level: str
    split: str
    pictures: int
    auc: float = Field(ge=0, le=1)
    balanced_accuracy: float = Field(ge=0, le=1)
    uncertain: float = Field(ge=0, le=1)
    unjudged: int = Field(ge=0)


NOTABLE_DROP = 0.05
"""Of the AUC, from where a treatment is named among the worst."""


def notable(rows: Sequence[Hardship]) -> list[Hardship]:
    """The treatments after which the AUC is notably below that of the first row, worst first."""
    fallen = [row for row in rows if rows[0].auc - row.auc > NOTABLE_DROP]
    return sorted(fallen, key=lambda row: row.auc)


NAMED = 3
"""How many treatments are named in a report; `facetell models` has them all."""


def withstands_not(rows: Sequence[Hardship]) -> list[str]:
    """The robustness card in a sentence, where it says something bad."""
    worst = [f"{row.kind} {row.level} ({row.auc:.2f})" for row in notable(rows)[:NAMED]]
    if not worst:
        return []
    return [
        f"Badly treated pictures are told less well: of {rows[0].split} pictures as they are, "
        f"the AUC is {rows[0].auc:.2f}; after {', '.join(worst)}."
    ]


class _Card(BaseModel):
    """What every file with weights says of itself.

    trained_on: number of pictures by source. recipe: every setting of the training run.
    """

    model_config = ConfigDict(frozen=True)

    card_version: int = Field(strict=True, ge=1)
    name: str
    version: str
    created: str
    trained_on: dict[str, int]
    recipe: dict[str, Any]
    licence: str
    limits: tuple[str, ...]

    @model_validator(mode="before")
    @classmethod
    def _not_newer(cls, data: Any) -> Any:
        version = data.get("card_version") if isinstance(data, dict) else None
        if isinstance(version, int) and version > CARD_VERSION:
            raise ValueError(f"card version {version} is newer than this facetell reads")
        return data


class ModelCard(_Card):
    """Everything needed to use a model rightly, and to judge what its word is worth.

    smallest_face_px: the smallest face, by the longer side of its box, that it was tested on.
    """

    kind: Literal["detector"] = "detector"
    crop: CropSpec
    calibration: Calibration
    clips: ClipCalibration = ClipCalibration()
    thresholds: Thresholds
    smallest_face_px: int = Field(gt=0)
    start_weights: str
    metrics: tuple[Measured, ...] = ()
    robustness: tuple[Hardship, ...] = ()


class FinderCard(_Card):
    """What a face finder's file says of itself.

    min_score: from which score a box is a face. teacher: what its training pictures were labelled
    by.
    """

    kind: Literal["finder"] = "finder"
    min_score: float = Field(gt=0, lt=1)
    teacher: str


AnyCard = TypeVar("AnyCard", ModelCard, FinderCard)


def parse_card(text: str, path: str, kind: type[AnyCard]) -> AnyCard:
    """Read a card. Raises ModelError when it is broken, or newer than this code."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "card"
        if "newer" in first["msg"]:
            raise ModelError(
                f"{path} was made for a newer facetell", hint="pip install --upgrade facetell"
            ) from error
        if where == "kind":
            wanted = kind.model_fields["kind"].default
            raise ModelError(
                f"{path} is a facetell model, but no {wanted}", hint=f"name the file of a {wanted}"
            ) from error
        raise ModelError(
            f"the card of {path} is not valid: {where}: {first['msg']}",
            hint="export the model again with this version of facetell",
        ) from error
