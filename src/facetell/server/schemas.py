"""What the API takes and gives beside the `Report`."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from facetell.detect.card import ModelCard
from facetell.detect.report import ModelInfo, Report


class Extra(StrEnum):
    """What can come with a report, made while the file is there."""

    EVIDENCE = "evidence"
    PAGE = "page"


class FacePictures(BaseModel):
    """PNGs as base64: the face as the model saw it, and the same with its evidence."""

    crop_png: str
    evidence_png: str


class Pictures(BaseModel):
    """Drawn on request. boxed_png: the picture, at most 960 px long, with boxes; None for a clip.
    faces: as in the report's `faces`, or as in those of each track in turn; None from the 13th
    on."""

    boxed_png: str | None = None
    faces: list[FacePictures | None] = []


class Judged(Report):
    """The report, and what was asked for with it."""

    pictures: Pictures | None = Field(default=None, description="With include=evidence.")
    page: str | None = Field(
        default=None, description="With include=page: the report as one HTML document to hand on."
    )


class State(StrEnum):
    """Where a file or job is. An ended file has its report, which says how it went."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"


class JobFile(BaseModel):
    """One file of a job."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(examples=["interview.mp4"])
    state: State
    progress: float = Field(ge=0, le=1)
    report: Judged | None = Field(default=None, description="Once the file is done.")


class JobProgress(BaseModel):
    """How far a job is."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(examples=["9pUzB2cG4mVJ6c0vZr3nWw"])
    state: State
    progress: float = Field(ge=0, le=1, description="Mean over its files.")
    files_done: int
    files_total: int


class Job(JobProgress):
    """A job with its files, in the order in which they were sent."""

    files: list[JobFile]
    created_s: float = Field(description="Seconds since 1970.")
    expires_s: float | None = Field(
        default=None,
        description="When it will be forgotten, in seconds since 1970; set once it is done.",
    )


class ServedModel(BaseModel):
    """The model that judges, with its card: data, numbers, limits."""

    info: ModelInfo
    card: ModelCard


class Limits(BaseModel):
    """What a client may send."""

    max_bytes: int
    max_pixels: int
    max_video_s: float
    max_files: int
    jobs_per_client: int


class Health(BaseModel):
    status: str = Field(examples=["ok"])
