"""The service under load on loopback, beside the model alone; benchmarks/README.md explains.

python -m benchmarks.service [--photos 400] [--rounds 3] [--queued 1000]

Client, server and workers share this machine, so the processor time of each is measured, too: it
says what is left of the model's speed where the clients are elsewhere.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

from benchmarks.common import EXAMPLES, draw_folder
from facetell.detect.analyze import Detector
from facetell.detect.scan import scan

WORKERS = os.cpu_count() or 1
AT_ONCE = 4 * WORKERS
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Run:
    """One round. waits_ms: of each request; cpu_ms: per photo, by who spent it."""

    per_s: float
    waits_ms: list[float]
    cpu_ms: dict[str, float]


@contextmanager
def serving(folder: Path, **settings: object) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A service of its own; yields its address and process."""
    chosen = {"port": 0, "folder": folder, "photos_waiting": 1000, **settings}
    environment = os.environ | {f"FACETELL_{k.upper()}": str(v) for k, v in chosen.items()}
    command = [str(Path(sys.executable).with_name("facetell")), "serve"]
    with (folder.parent / "log").open("w+") as log:
        process = subprocess.Popen(command, stderr=log, text=True, env=environment)
        try:
            while not (
                found := re.search(r"running on (http://\S+)", (folder.parent / "log").read_text())
            ):
                assert process.poll() is None, (folder.parent / "log").read_text()
                time.sleep(0.05)
            yield found[1], process
        finally:
            process.kill()
            process.wait()


def request_bytes(path: Path, target: str, field: str) -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="{path.name}"\r\n\r\n'
    body = head.encode() + path.read_bytes() + b"\r\n--b--\r\n"
    lines = (
        f"POST {target} HTTP/1.1",
        "Host: localhost",
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def post_all(url: str, requests: list[bytes]) -> tuple[list[float], list[bytes]]:
    """Over AT_ONCE connections that stay open; waits in ms, and the bodies of the answers."""
    place = urlsplit(url)
    left = iter(requests)
    waits, bodies = [], []

    async def client() -> None:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        for request in left:
            started = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 20"), head
            found = re.search(rb"content-length: (\d+)", head)
            assert found
            bodies.append(await reader.readexactly(int(found[1])))
            waits.append(1000 * (time.perf_counter() - started))
        writer.close()

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    return waits, bodies


def cpu_s(pid: int) -> float:
    """Processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def serve_round(url: str, pid: int, requests: list[bytes]) -> Run:
    who = {"client": [os.getpid()], "server": [pid], "workers": children(pid)}
    before = {name: sum(map(cpu_s, pids)) for name, pids in who.items()}
    started = time.perf_counter()
    waits, _ = asyncio.run(post_all(url, requests))
    taken = time.perf_counter() - started
    spent = {name: sum(map(cpu_s, pids)) - before[name] for name, pids in who.items()}
    cpu_ms = {name: 1000 * seconds / len(requests) for name, seconds in spent.items()}
    return Run(len(requests) / taken, waits, cpu_ms)


def model_round(detector: Detector, paths: list[Path]) -> Run:
    before, started = time.process_time(), time.perf_counter()
    for _ in scan(paths, detector.analyze, WORKERS):
        pass
    taken, spent = time.perf_counter() - started, time.process_time() - before
    return Run(len(paths) / taken, [], {"model": 1000 * spent / len(paths)})


def compare(paths: list[Path], rounds: int, folder: Path) -> tuple[list[Run], list[Run]]:
    """Rounds of the model alone and of the service, in turn."""
    detector = Detector.load()
    requests = [request_bytes(path, "/v1/detect", "file") for path in paths]
    alone, served = [], []
    with serving(folder) as (url, process):
        serve_round(url, process.pid, requests[: 2 * AT_ONCE])  # warm; not counted
        for _ in range(rounds):
            alone.append(model_round(detector, paths))
            served.append(serve_round(url, process.pid, requests))
    return alone, served


def draw_large(folder: Path, count: int) -> list[Path]:
    """Photos of 12 megapixels with a face."""
    folder.mkdir()
    with Image.open(EXAMPLES / "real-astronaut.jpg") as picture:
        large = picture.convert("RGB").resize((4000, 3000), Image.Resampling.BICUBIC)
    for number in range(count):
        large.save(folder / f"{number}.jpg", quality=80 + number % 15)
    return sorted(folder.iterdir())


def queue(paths: list[Path], folder: Path, kill_after: int) -> dict[str, float]:
    """Post each file as a job, kill the server once `kill_after` are done, start it again, and see
    what became of all of them."""
    settings = {"lease_s": 5, "jobs_per_client": len(paths), "workers": WORKERS}
    requests = [request_bytes(path, "/v1/jobs", "files") for path in paths]
    with serving(folder, **settings) as (url, process):
        started = time.perf_counter()
        _, bodies = asyncio.run(post_all(url, requests))
        accepted_s = time.perf_counter() - started
        while files_done(url) < kill_after:
            time.sleep(0.1)
        process.kill()
    ids = [json.loads(body)["id"] for body in bodies]
    with serving(folder, **settings) as (url, _):
        while "facetell_queue_files" in (text := get(url, "/metrics")) and in_queue(text):
            time.sleep(0.5)
        done_s = time.perf_counter() - started
        jobs = [json.loads(get(url, f"/v1/jobs/{job_id}")) for job_id in ids]
    reports = [job["files"][0]["report"] for job in jobs]
    judged = sum(report is not None and report["status"] == "ok" for report in reports)
    return {"accepted_per_s": len(paths) / accepted_s, "done_s": done_s, "judged": judged}


def get(url: str, path: str) -> str:
    import urllib.request

    with urllib.request.urlopen(url + path) as answer:
        return str(answer.read().decode())


def files_done(url: str) -> float:
    found = re.findall(r"^facetell_files_total{.*} ([\d.e+]+)$", get(url, "/metrics"), re.M)
    return sum(map(float, found))


def in_queue(metrics: str) -> float:
    found = re.findall(r"^facetell_queue_files{.*} ([\d.e+]+)$", metrics, re.M)
    return sum(map(float, found))


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def print_row(what: str, alone: list[Run], served: list[Run]) -> None:
    raw = statistics.median(run.per_s for run in alone)
    rate = statistics.median(run.per_s for run in served)
    model = statistics.median(run.cpu_ms["model"] for run in alone)
    cpu = {name: statistics.median(run.cpu_ms[name] for run in served) for name in served[0].cpu_ms}
    waits = [wait for run in served for wait in run.waits_ms]
    cells = (
        what,
        f"{raw:.1f}",
        f"{rate:.1f}",
        f"{rate / raw:.2f}",
        " / ".join(f"{percentile(waits, share):.0f}" for share in (0.5, 0.95, 0.99)),
        f"{model:.1f}",
        f"{cpu['workers']:.1f} + {cpu['server']:.1f} + {cpu['client']:.1f}",
        f"{model / (cpu['workers'] + cpu['server']):.2f}",
    )
    print(f"| {' | '.join(cells)} |")


HEAD = """
| photos | model alone /s | service /s | ratio | p50 / p95 / p99 ms | CPU ms: model alone \
| workers + server + client | ratio by CPU |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--queued", type=int, default=1000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "small").mkdir()
        small = draw_folder(root / "small", max(args.photos, args.queued))
        print(f"{WORKERS} workers, {AT_ONCE} requests at a time, {args.rounds} rounds in turn")
        print(HEAD)
        print_row("256 px", *compare(small[: args.photos], args.rounds, root / "a"))
        large = draw_large(root / "large", max(8, args.photos // 10))
        print_row("12 MP", *compare(large, args.rounds, root / "b"))
        kill_after = args.queued // 4
        found = queue(small[: args.queued], root / "c", kill_after)
        print(
            f"\n{args.queued} jobs of one photo: {found['accepted_per_s']:.0f} accepted a second;"
        )
        print(f"killed -9 once {kill_after} were done and started again:")
        print(f"{found['judged']:.0f} judged, the last after {found['done_s']:.0f} s")


if __name__ == "__main__":
    main()
