"""What every request gets: an id, safe headers, a log line, its place in the metrics."""

import logging
import re
import time
import uuid

from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facetell.server.logs import request_id
from facetell.server.metrics import Metrics
from facetell.server.problems import ProblemError, answer

log = logging.getLogger(__name__)

SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
_GIVEN_ID = re.compile(r"[\w.-]{1,64}")


class Envelope:
    """Around the whole app."""

    def __init__(self, app: ASGIApp, metrics: Metrics, allow_origins: tuple[str, ...]) -> None:
        self._app = app
        self._metrics = metrics
        self._allow_origins = allow_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        identity = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex[:16]
        token = request_id.set(identity)
        started, status = time.perf_counter(), 0

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(MutableHeaders(scope=message), identity, scope["path"])
            await send(message)

        try:
            await self._serve(headers, scope, receive, send_safely)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except Exception:
            self._metrics.failures.labels("request").inc()
            log.exception("a request failed")
            if not status:
                unexpected = ProblemError(
                    500, "unexpected", "Something went wrong here", "the server's log says more"
                )
                await answer(unexpected)(scope, receive, send_safely)
        finally:
            self._note(scope, status, time.perf_counter() - started)
            request_id.reset(token)

    async def _serve(self, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        """Pages of other sites cannot read our answers, but a browser would still send what they
        post here: refuse it."""
        foreign = headers.get("sec-fetch-site") == "cross-site"
        known = headers.get("origin") in self._allow_origins
        if foreign and not known and scope["method"] not in ("GET", "HEAD"):
            refusal = ProblemError(
                403,
                "cross-site",
                "Not from another site",
                "this service takes nothing from the page of another site",
            )
            await answer(refusal)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        path = route.path if isinstance(route, APIRoute) else "other"
        method = scope["method"] if isinstance(route, APIRoute) else "other"
        self._metrics.requests.labels(method, path, status).inc()
        self._metrics.latency.labels(method, path).observe(seconds)
        log.info(
            "request",
            extra={
                "method": scope["method"],
                "route": path,
                "status": status,
                "ms": round(seconds * 1000, 1),
                "client": (scope.get("client") or ("",))[0],
            },
        )


def _add_headers(headers: MutableHeaders, identity: str, path: str) -> None:
    headers["X-Request-ID"] = identity
    for name, value in SAFE_HEADERS.items():
        headers.setdefault(name, value)
    if path.startswith("/v1/"):
        headers["Cache-Control"] = "no-store"
