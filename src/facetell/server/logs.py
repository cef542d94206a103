"""Logs as JSON, one line each, with the id of the request that they are about."""

import json
import logging
import sys
import time
from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_USUAL = logging.makeLogRecord({}).__dict__.keys() | {"message", "color_message"}


class JsonLines(logging.Formatter):
    """A record with what was given as `extra`. File names are not logged: they are personal."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            **{k: v for k, v in record.__dict__.items() if k not in _USUAL},
        }
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps({k: v for k, v in said.items() if v is not None}, default=str)


def log_as_json() -> None:
    """Have everything logged in this process go to stderr as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
