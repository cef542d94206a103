"""What the service can be told: one record, from environment variables and flags."""

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sqlalchemy.engine import URL

from facetell.detect.media import MAX_BYTES, MAX_PIXELS
from facetell.errors import FacetellError

PREFIX = "FACETELL_"


class SettingsError(FacetellError):
    """A setting is unknown or has no sensible value."""


class Settings(BaseModel):
    """Every setting of the service; the descriptions are shown by `--show-settings`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    folder: Path = Field(
        Path("facetell-service"),
        description="For uploads and the SQLite database; servers that share a queue share it.",
    )
    database: SecretStr | None = Field(
        None,
        description="URL of the queue's database, such as postgresql+psycopg://user:word@host/name;"
        " by default SQLite in the folder.",
    )
    model: Path | None = Field(None, description="Model file; by default the one inside.")
    workers: int = Field(os.cpu_count() or 1, ge=1, description="Processes that judge.")
    jobs_at_once: int | None = Field(
        None,
        ge=1,
        description="Files of jobs judged at a time; by default one less than workers, so that "
        "photos to /v1/detect find one free.",
    )
    worker_memory_mb: int = Field(
        2048, ge=256, description="Memory that one worker may take (where the system can limit it)."
    )
    photo_seconds: float = Field(
        60, gt=0, description="Longest time that judging a photo may take."
    )
    clip_seconds: float = Field(
        1800, gt=0, description="A clip is judged as far as one gets in so long."
    )
    max_bytes: int = Field(
        200_000_000,
        gt=0,
        le=MAX_BYTES,
        description=f"Largest file, in bytes; {MAX_BYTES} at most.",
    )
    max_pixels: int = Field(
        MAX_PIXELS,
        gt=0,
        le=MAX_PIXELS,
        description=f"Largest photo, in pixels; {MAX_PIXELS} at most. Plain JPEGs may have 4 times "
        "as many, WebP 3/4, JPEG 2000 half.",
    )
    max_video_s: float = Field(600, gt=0, description="Longest clip, in seconds of video.")
    max_files: int = Field(100, ge=1, description="Files in one job.")
    jobs_per_client: int = Field(20, ge=1, description="Unfinished jobs of one client.")
    queue_length: int = Field(10_000, ge=1, description="Files waiting in the queue, of all.")
    photos_waiting: int = Field(
        64, ge=1, description="Requests to /v1/detect that may wait for a worker."
    )
    keep_s: float = Field(86_400, gt=0, description="How long the results of a job are kept.")
    lease_s: float = Field(
        30, gt=0, description="After so long without a sign of life, a server's files go to others."
    )
    grace_s: float = Field(
        20, ge=0, description="At shutdown, how long files in work may take before they go back."
    )
    api_keys: tuple[SecretStr, ...] = Field(
        (), description="Keys of which one must come with each request; none: open to all."
    )
    allow_origins: tuple[str, ...] = Field(
        (), description="Web origins that may call the API from a browser (CORS)."
    )
    trusted_proxies: str = Field(
        "127.0.0.1", description="Addresses whose X-Forwarded-For is believed, by commas, or *."
    )

    @property
    def database_url(self) -> str:
        if self.database:
            return self.database.get_secret_value()
        url = URL.create("sqlite", database=str(self.own_database))
        return url.render_as_string(hide_password=False)

    @property
    def own_database(self) -> Path:
        """Used where no other one is named."""
        return self.folder / "jobs.db"

    @property
    def uploads(self) -> Path:
        return self.folder / "uploads"

    @property
    def job_slots(self) -> int:
        return min(self.jobs_at_once or max(1, self.workers - 1), self.workers)


_LISTS = {"api_keys", "allow_origins"}


def read_settings(
    environment: Mapping[str, str], flags: Sequence[str] = ()
) -> tuple[Settings, dict[str, str]]:
    """Settings from `FACETELL_NAME` variables, and after them `name=value` flags.

    Lists are separated by commas. Returns the settings, and where each that is no default came
    from. Raises SettingsError for an unknown name or a value of the wrong kind.
    """
    values, origins = {}, {}
    for name in Settings.model_fields:
        variable = PREFIX + name.upper()
        # An empty variable is none, but for the one that closes the service.
        if environment.get(variable) or (name == "api_keys" and variable in environment):
            values[name], origins[name] = environment[variable], variable
    for variable in environment:
        _refuse_slip(variable)
    for flag in flags:
        name, equals, text = flag.partition("=")
        if not equals or name not in Settings.model_fields:
            raise SettingsError(
                f"there is no setting {flag!r}",
                hint="use name=value; facetell serve --show-settings lists the names",
            )
        values[name], origins[name] = text, "flag"
    if "api_keys" in values and not _split("api_keys", values["api_keys"]):
        raise SettingsError(
            f"api_keys (from {origins['api_keys']}) holds no key", hint="give one, or leave it out"
        )
    try:
        return Settings.model_validate({n: _split(n, text) for n, text in values.items()}), origins
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = str(first["loc"][0])
        raise SettingsError(
            f"the setting {name} (from {origins[name]}) is not valid: {first['msg']}",
            hint=f"{name}: {Settings.model_fields[name].description}",
        ) from error


def _refuse_slip(variable: str) -> None:
    """Others may have variables of this prefix; one that is nearly ours is a slip, and a key that
    is not asked for leaves the service open."""
    name = variable.removeprefix(PREFIX).lower()
    if not variable.startswith(PREFIX) or name in Settings.model_fields:
        return
    near = get_close_matches(name, Settings.model_fields, 1, 0.85)
    if near or "key" in name:
        hint = f"is {PREFIX}{near[0].upper() if near else 'API_KEYS'} meant?"
        raise SettingsError(f"there is no setting {variable}", hint=hint)


def _split(name: str, text: str) -> str | list[str]:
    return [part.strip() for part in text.split(",") if part.strip()] if name in _LISTS else text
