"""Run the service until it is told to stop."""

import errno
import logging
import signal
import socket
import sys

import uvicorn

from facetell.server.app import create_app
from facetell.server.logs import log_as_json
from facetell.server.service import Service
from facetell.server.settings import Settings, SettingsError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Tells the service when it begins to stop, so that streams of events end and no more files
    are taken while connections are waited for."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.stopping.set()
        self._service.runner.take_no_more()
        await super().shutdown(sockets)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; what is in work then is ended or handed back.

    Raises SettingsError when address or database, ModelError when the model cannot be used.
    """
    _check_address(settings)
    log_as_json()
    if not settings.api_keys and settings.host not in LOOPBACK:
        log.warning("anybody who reaches %s may use it: api_keys is empty", settings.host)
    service = Service.open(settings)
    # uvicorn raises the signal again once it is done: that is a good end, not a death.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        create_app(service),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=int(settings.grace_s) + 1,
    )
    _Server(config, service).run()


def _check_address(settings: Settings) -> None:
    """Ahead of uvicorn, which tells it after all else has started, and among the logs."""
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"port {port} is taken", hint="--port 0 takes a free one"
            ) from error
        raise SettingsError(
            f"{host} port {port} cannot be listened on: {error.strerror}",
            hint="name another --host or --port",
        ) from error
