"""Run the service until it is told to stop."""

import logging
import signal
import socket
import sys

import uvicorn

from facetell.server.app import create_app
from facetell.server.logs import log_as_json
from facetell.server.service import Service
from facetell.server.settings import Settings

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

    Raises SettingsError when the database, ModelError when the model cannot be used.
    """
    log_as_json()
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
