"""The service: an HTTP API and a page over the same worker processes and the same queue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from facetell._version import __version__
from facetell.server import api
from facetell.server.middleware import Envelope
from facetell.server.problems import Problem, add_problem_handlers
from facetell.server.service import Service

STATIC = Path(__file__).parent / "static"
_DESCRIPTION = """Judges whether the faces in photos and clips are real, AI-generated or
manipulated, and shows where it sees the signs. Every error is a problem-details document
(RFC 9457) whose `limit` names the setting that was exceeded; too many pixels, and too long a
time, are told in its `detail` alone."""


def create_app(service: Service) -> FastAPI:
    """The app over an opened service, which it closes when it ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.runner.start()
        yield
        await service.close()

    # FastAPI's own documentation pages load their scripts from elsewhere: they stay off.
    app = FastAPI(
        title="facetell",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(api.v1)
    app.include_router(api.operations)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    add_problem_handlers(app)

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    origins = service.settings.allow_origins
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization"],
        )
    app.add_middleware(Envelope, metrics=service.metrics, allow_origins=origins)
    _describe_problems(app)
    return app


def _describe_problems(app: FastAPI) -> None:
    """Put `Problem` into the OpenAPI document, which the routes refer to by name."""
    plain = app.openapi

    def openapi() -> dict[str, object]:
        document = plain()
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document["components"]["schemas"]
        schemas |= schema.pop("$defs") | {"Problem": schema}
        return document

    app.openapi = openapi  # type: ignore[method-assign]
