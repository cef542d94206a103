"""Errors of the API as problem details (RFC 9457): what went wrong, and what can be done."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from facetell.server.logs import request_id

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Limit(BaseModel):
    """The setting that was exceeded, and its value."""

    name: str = Field(examples=["max_bytes"])
    value: float = Field(examples=[200000000])


class Problem(BaseModel):
    """Body of every answer from 400 on."""

    type: str = Field(examples=["urn:facetell:too-large"])
    title: str = Field(examples=["The file is too large"])
    status: int = Field(examples=[413])
    detail: str = Field(examples=["holiday.jpg is larger than 200000000 bytes"])
    limit: Limit | None = None
    request_id: str | None = Field(default=None, examples=["5f1c0e0b2a7d4c54"])


class ProblemError(Exception):
    """Raised anywhere in a request; becomes a `Problem`."""

    def __init__(
        self,
        status: int,
        name: str,
        title: str,
        detail: str,
        *,
        limit: tuple[str, float] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.headers = headers
        self.problem = Problem(
            type=f"urn:facetell:{name}",
            title=title,
            status=status,
            detail=detail,
            limit=Limit(name=limit[0], value=limit[1]) if limit else None,
        )


class NotReady(ProblemError):
    def __init__(self, detail: str) -> None:
        super().__init__(503, "not-ready", "Not ready", detail, headers={"Retry-After": "5"})


class NoWorker(NotReady):
    """Nobody is there to judge."""

    def __init__(self) -> None:
        super().__init__("no worker is ready (the server's log says why)")


def too_large(name: str, max_bytes: int) -> ProblemError:
    return ProblemError(
        413,
        "too-large",
        "The file is too large",
        f"{name} is larger than {max_bytes} bytes",
        limit=("max_bytes", max_bytes),
    )


def too_many(what: str, setting: str, value: int) -> ProblemError:
    """what: a sentence about that of which there are `value` already."""
    return ProblemError(
        429,
        "too-many",
        "Too much at a time",
        f"{what}; try again later",
        limit=(setting, value),
        headers={"Retry-After": "5"},
    )


def unsupported(detail: str) -> ProblemError:
    return ProblemError(415, "unsupported", "This kind of file is not judged here", detail)


def is_clip(name: str) -> ProblemError:
    title = "Clips take longer than a request should"
    return ProblemError(415, "clip", title, f"{name} is a clip: clips are judged by POST /v1/jobs")


def unreadable(reason: str) -> ProblemError:
    """reason: of a report with status `error`; of a limit exceeded, it says the value alone."""
    return ProblemError(422, "unreadable", "The file cannot be judged", reason)


def malformed(detail: str, limit: tuple[str, float] | None = None) -> ProblemError:
    return ProblemError(422, "malformed", "The request is not as it should be", detail, limit=limit)


def not_found(what: str) -> ProblemError:
    return ProblemError(404, "not-found", "Not found", what)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: these statuses answer with a `Problem`."""
    titles = {
        401: "No valid API key",
        404: "There is no such job (any more)",
        413: "A file, or their number, is over a limit",
        415: "Not a picture or clip, or not of the kind judged here",
        422: "The request is malformed, or the file cannot be judged",
        429: "A limit on jobs, files or waiting requests is reached",
        503: "Not ready",
    }
    return {
        status: {
            "description": titles[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def answer(error: ProblemError) -> JSONResponse:
    found = error.problem.model_copy(update={"request_id": request_id.get()})
    return JSONResponse(
        found.model_dump(exclude_none=True),
        found.status,
        headers=error.headers,
        media_type=MEDIA_TYPE,
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Have every error of `app` answered by a `Problem`; unexpected ones are the middleware's."""

    @app.exception_handler(ProblemError)
    async def _raised(request: Request, error: ProblemError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(SQLAlchemyError)
    async def _away(request: Request, error: SQLAlchemyError) -> JSONResponse:
        log.error("the database does not answer", extra={"error": type(error).__name__})
        return answer(NotReady("the queue's database does not answer"))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return answer(malformed(f"{where}: {first['msg']}"))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        status, title = error.status_code, str(error.detail)
        headers = dict(error.headers) if error.headers else None
        return answer(ProblemError(status, f"http-{status}", title, title, headers=headers))
