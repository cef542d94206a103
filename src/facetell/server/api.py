"""The routes of the API."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from facetell.server.examples import EXAMPLE_JUDGED
from facetell.server.problems import NotReady, ProblemError, responses, unreadable
from facetell.server.schemas import (
    Extra,
    Health,
    Job,
    JobProgress,
    Judged,
    Limits,
    ServedModel,
    State,
)
from facetell.server.service import Service
from facetell.server.uploads import discard, make_durable, receive
from facetell.types import Kind, Status

EVENTS_EVERY_S = 0.5
ALIVE_EVERY_S = 15.0
"""A comment goes out so often, lest a load balancer takes the silence for the end."""

v1 = APIRouter(prefix="/v1")
operations = APIRouter(tags=["operations"])


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Ours = Annotated[Service, Depends(service_of)]


def client_of(
    request: Request,
    service: Ours,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> str:
    address = request.client.host if request.client else ""
    client = service.client_of(given.credentials if given else None, address)
    if client is None:
        raise ProblemError(
            401,
            "no-key",
            "No valid API key",
            "send one of this service's keys as Authorization: Bearer KEY",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return client


Client = Annotated[str, Depends(client_of)]
Include = Annotated[
    frozenset[Extra],
    Query(description="What to send with each report; may be given several times."),
]


def _multipart(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    """The body for OpenAPI: it is streamed to the disk past FastAPI, which would hold it."""
    form = {"type": "object", "required": [name], "properties": {name: schema}}
    content = {"multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


_FILE = {"type": "string", "format": "binary"}


@v1.post(
    "/detect",
    tags=["judging"],
    summary="Judge a photo now",
    response_model=Judged,
    responses={
        200: {"content": {"application/json": {"example": EXAMPLE_JUDGED}}},
        **responses(401, 413, 415, 422, 429, 503),
    },
    openapi_extra=_multipart("file", _FILE, "One picture."),
)
async def detect(
    request: Request, service: Ours, _: Client, include: Include = frozenset()
) -> Response:
    """The report on one picture. A picture without a face has status `no_face`; one that cannot be
    read is answered with 422 and the reason. The upload is deleted before the answer is sent."""
    service.check_room()
    uploads = await receive(request, service.settings, kinds=frozenset({Kind.IMAGE}), max_files=1)
    try:
        service.check_room()  # others may have come while this one was received
        judged = await service.judge(uploads[0], include)
    finally:
        discard(uploads)
    if judged.status is Status.ERROR:
        raise unreadable(judged.reason or "")
    return Response(judged.model_dump_json(), media_type="application/json")


@v1.post(
    "/jobs",
    tags=["jobs"],
    status_code=202,
    summary="Have clips, or many files, judged",
    responses=responses(401, 413, 415, 422, 429, 503),
    openapi_extra=_multipart(
        "files", {"type": "array", "items": _FILE, "minItems": 1}, "Pictures and clips."
    ),
)
async def create_job(
    request: Request,
    response: Response,
    service: Ours,
    client: Client,
    include: Include = frozenset(),
) -> JobProgress:
    """Once this is answered, the job is on disk: it will be worked off whatever happens to the
    server. Its id is known to nobody else."""
    settings = service.settings
    await asyncio.to_thread(service.store.check_room, client)
    uploads = await receive(
        request,
        settings,
        kinds=frozenset({Kind.IMAGE, Kind.VIDEO}),
        max_files=settings.max_files,
    )
    try:
        await make_durable(uploads, settings.uploads)
        job_id = await asyncio.to_thread(service.store.accept, client, uploads, include)
    except BaseException:
        discard(uploads)
        raise
    service.runner.notice()
    response.headers["Location"] = f"/v1/jobs/{job_id}"
    return JobProgress(
        id=job_id, state=State.WAITING, progress=0, files_done=0, files_total=len(uploads)
    )


@v1.get("/jobs/{job_id}", tags=["jobs"], summary="A job", responses=responses(401, 404, 422, 503))
def read_job(job_id: str, service: Ours, client: Client) -> Job:
    """Its files, and the reports of those that are done."""
    return service.store.job(job_id, client)


@v1.get(
    "/jobs/{job_id}/events",
    tags=["jobs"],
    summary="A job's progress",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events `progress`, each with a JobProgress, until the job "
            "is done.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **responses(401, 404, 422, 503),
    },
)
async def follow_job(job_id: str, service: Ours, client: Client) -> StreamingResponse:
    first = await asyncio.to_thread(service.store.progress, job_id, client)
    return StreamingResponse(
        _events(first, service, client),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _events(job: JobProgress, service: Service, client: str) -> AsyncIterator[str]:
    """Until the job is done or deleted, or the server stops."""
    quiet_s, said = 0.0, None
    while not service.stopping.is_set():
        if job != said:
            yield f"event: progress\ndata: {job.model_dump_json()}\n\n"
            quiet_s, said = 0.0, job
        elif quiet_s >= ALIVE_EVERY_S:
            yield ": alive\n\n"
            quiet_s = 0.0
        if job.state is State.DONE:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(service.stopping.wait(), EVENTS_EVERY_S)
        quiet_s += EVENTS_EVERY_S
        try:
            job = await asyncio.to_thread(service.store.progress, job.id, client)
        except (ProblemError, SQLAlchemyError):  # deleted, or the database is away
            return


@v1.delete(
    "/jobs/{job_id}",
    tags=["jobs"],
    status_code=204,
    summary="Forget a job",
    responses=responses(401, 404, 422, 503),
)
def delete_job(job_id: str, service: Ours, client: Client) -> None:
    """Its results and its uploads are deleted; what is being judged is stopped."""
    service.store.delete(job_id, client)


@v1.get("/models", tags=["judging"], responses=responses(401))
def models(service: Ours, _: Client) -> list[ServedModel]:
    """The model that judges, and its card: data, numbers, limits."""
    return [ServedModel(info=service.hello.info, card=service.hello.card)]


@v1.get("/limits", tags=["judging"], responses=responses(401))
def limits(service: Ours, _: Client) -> Limits:
    """What may be sent."""
    return service.limits


@operations.get("/healthz")
async def healthz() -> Health:
    """The server is alive."""
    return Health(status="ok")


@operations.get("/readyz", responses=responses(503))
def readyz(service: Ours) -> Health:
    """The model is loaded, the database answers, and the server is not about to stop."""
    service.store.ping()
    if not service.ready:
        raise NotReady("no worker is ready, or the server is about to stop")
    return Health(status="ok")


@operations.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(service: Ours) -> Response:
    """For Prometheus."""
    metrics = service.metrics
    metrics.waiting.set(service.pool.urgent_waiting)
    with suppress(SQLAlchemyError):  # the others are still of use
        for state, number in service.store.count().items():
            metrics.queue.labels(state).set(number)
    return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)
