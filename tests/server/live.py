"""A service as its users meet it: a process of its own, asked over HTTP."""

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.cli.command import PROGRAM

DEADLINE_S = 60.0
_RUNNING = re.compile(r"running on (http://[\w.:]+)")


@dataclass(eq=False)
class Live:
    """A running `facetell serve`. logs: what it has said, a record a line."""

    process: subprocess.Popen
    folder: Path
    logs: list[dict] = field(default_factory=list)
    url: str = ""
    _up: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        for line in self.process.stderr:
            self.logs.append(json.loads(line) if line.startswith(b"{") else {"message": str(line)})
            if found := _RUNNING.search(self.logs[-1]["message"]):
                self.url = found[1]
                self._up.set()
        self._up.set()  # it ended

    def wait_until_up(self) -> None:
        assert self._up.wait(DEADLINE_S)
        assert self.url, self.logs

    def ask(self, method: str, path: str, **options) -> requests.Response:
        return requests.request(method, self.url + path, timeout=DEADLINE_S, **options)

    def detect(self, path: Path, **options) -> requests.Response:
        with path.open("rb") as file:
            return self.ask("POST", "/v1/detect", files={"file": (path.name, file)}, **options)

    def post_job(self, *paths: Path, **options) -> requests.Response:
        files = [("files", (path.name, path.read_bytes())) for path in paths]
        return self.ask("POST", "/v1/jobs", files=files, **options)

    def job(self, job_id: str) -> dict:
        return self.ask("GET", f"/v1/jobs/{job_id}").json()

    def followed(self, job_id: str) -> list[dict]:
        """The progress of a job until its stream of events ends."""
        told, deadline = [], time.monotonic() + DEADLINE_S
        with self.ask("GET", f"/v1/jobs/{job_id}/events", stream=True) as answer:
            for line in answer.iter_lines(decode_unicode=True):
                assert time.monotonic() < deadline, told
                if line.startswith("data: "):
                    told.append(json.loads(line.removeprefix("data: ")))
        return told

    def finished(self, job_id: str) -> list[dict]:
        """The reports of a job, once it is done."""
        assert self.followed(job_id)[-1]["state"] == "done"
        return [file["report"] for file in self.job(job_id)["files"]]

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        text = self.ask("GET", "/metrics").text
        found = re.findall(rf"^{name}(?:{{.*}})? ([\d.e+]+)$", text, re.MULTILINE)
        return sum(map(float, found))

    def workers(self) -> list[int]:
        """The process ids of its workers (as Linux tells them)."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def start(folder: Path, model: Path, **settings: object) -> Live:
    """`facetell serve` on a free port; whoever calls ends it."""
    chosen = {"port": 0, "folder": folder, "model": model, "workers": 2, **settings}
    environment = os.environ | {f"FACETELL_{k.upper()}": str(v) for k, v in chosen.items()}
    process = subprocess.Popen([*PROGRAM, "serve"], stderr=subprocess.PIPE, env=environment)
    live = Live(process, folder)
    threading.Thread(target=live.listen, daemon=True).start()
    return live


@contextmanager
def running(folder: Path, model: Path, **settings: object) -> Iterator[Live]:
    live = start(folder, model, **settings)
    try:
        live.wait_until_up()
        yield live
    finally:
        live.kill()
        live.process.stderr.close()


def until(condition: Callable[[], object], what: str) -> None:
    """Return when the condition holds, fail when it does not for long."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"still not: {what}"
        threading.Event().wait(0.02)
