"""The pool: what becomes of a file when its worker dies, hangs or lies."""

import sys
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from facetell.errors import ModelError
from facetell.server import workers
from facetell.server.app import create_app
from facetell.server.metrics import Metrics
from facetell.server.problems import NoWorker
from facetell.server.service import Service
from facetell.server.settings import Settings
from facetell.server.worker import Said
from facetell.server.workers import Task, WorkerPool
from facetell.types import Kind, Status
from tests.server.live import DEADLINE_S, running, until

STAND_IN = '''
"""A worker that does what the name of a file says."""
import os, sys, time
from pathlib import Path
from facetell.server.worker import Hello, Order, Said, Start
from facetell.server.schemas import Judged
from facetell.server.examples import EXAMPLE_JUDGED
from facetell.detect.model import Model
from facetell.detect.report import ModelInfo

start = Start.model_validate_json(sys.stdin.readline())
example = Judged.model_validate(EXAMPLE_JUDGED)
card = Model.load(start.model).card

def say(said):
    print(said.model_dump_json(), flush=True)

say(Said(hello=Hello(info=example.model, card=card, limits=("a stand-in",))))
for line in sys.stdin:
    order = Order.model_validate_json(line)
    seen = order.path.with_name("seen")
    with seen.open("a") as file:
        file.write(order.name + "\\n")
    times = seen.read_text().split().count(order.name)
    if order.name == "deadly" or (order.name == "unlucky" and times == 1):
        os._exit(9)
    if order.name == "endless":
        sys.stdin.read()
    if order.name == "nonsense":
        print("{}[", flush=True)
    say(Said(progress=0.5))
    say(Said(judged=example.model_copy(update={"path": order.name})))
'''


@pytest.fixture
def make_pool(monkeypatch, tmp_path, tiny_model):
    """Starts pools of stand-ins."""
    monkeypatch.setattr(workers, "COMMAND", [sys.executable, "-c", STAND_IN])
    pools = []

    def make(**settings) -> WorkerPool:
        chosen = Settings(folder=tmp_path, model=tiny_model, **settings)
        pools.append(WorkerPool(chosen, Metrics()))
        pools[-1].start()
        return pools[-1]

    yield make
    for pool in pools:
        pool.stop()


@pytest.fixture
def judge(tmp_path):
    """Submits files of these names; returns their tasks."""

    def submit(pool: WorkerPool, *names: str, kind: Kind = Kind.IMAGE) -> list[Task]:
        tasks = []
        for name in names:
            path = tmp_path / "upload"
            path.write_bytes(b"x")
            tasks.append(Task(path, name, kind, frozenset(), urgent=True))
            pool.submit(tasks[-1])
        return tasks

    return submit


def answers(tasks):
    reports = [task.future.result(DEADLINE_S) for task in tasks]
    assert [report.path for report in reports] == [task.name for task in tasks]
    return [report.reason or report.status for report in reports]


def seen(tmp_path: Path) -> list[str]:
    return (tmp_path / "seen").read_text().split()


def test_a_file_is_retried_once_and_then_given_up(make_pool, judge, tmp_path):
    tasks = judge(make_pool(workers=1), "deadly", "unlucky", "harmless")
    assert answers(tasks) == ["judging it brought down 2 worker processes", Status.OK, Status.OK]
    assert [seen(tmp_path).count(name) for name in ("deadly", "unlucky")] == [2, 2]


def test_a_file_that_goes_at_any_moment_is_a_task_all_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "exists", lambda path: True)  # and gone the moment after
    assert not Task(tmp_path / "gone", "gone", Kind.IMAGE, frozenset(), urgent=False).small


def test_what_lies_behind_a_deadly_file_is_not_blamed(make_pool, judge):
    pool = make_pool(workers=2)
    tasks = judge(pool, *["deadly", "harmless", "harmless"] * 4)
    assert answers(tasks).count(Status.OK) == 8


def test_a_file_that_takes_too_long_is_not_tried_again(make_pool, judge, tmp_path):
    tasks = judge(make_pool(workers=1, photo_seconds=2), "endless", "harmless")
    assert answers(tasks) == ["judging it took longer than 2 s", Status.OK]
    assert seen(tmp_path).count("endless") == 1


def test_a_file_is_given_up_though_the_one_behind_it_was_cancelled(make_pool, judge):
    pool = make_pool(workers=1, photo_seconds=2)
    late, behind = judge(pool, "endless", "harmless")
    pool.cancel(behind)
    assert answers([late]) == ["judging it took longer than 2 s"]
    assert behind.future.cancelled()


def test_a_worker_that_talks_nonsense_is_replaced(make_pool, judge):
    tasks = judge(make_pool(workers=1), "nonsense", "harmless")
    assert answers(tasks) == ["judging it brought down 2 worker processes", Status.OK]


def test_a_clip_has_a_worker_for_itself(make_pool, judge, tmp_path):
    pool = make_pool(workers=2)
    clip = judge(pool, "endless", kind=Kind.VIDEO)
    assert answers(judge(pool, *["harmless"] * 10)) == [Status.OK] * 10
    assert not clip[0].future.done()
    pool.cancel(clip[0])
    until(lambda: all(seat.takes(clip[0]) for seat in pool._seats), "the worker is replaced")
    assert answers(judge(pool, *["harmless"] * 10)) == [Status.OK] * 10


def test_a_model_that_is_none_is_told_at_the_start(tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    pool = WorkerPool(Settings(folder=tmp_path, model=broken, workers=1), Metrics())
    with pytest.raises(ModelError, match="damaged or no ONNX model"):
        pool.start()


def test_workers_that_cannot_start_are_told_with_a_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr(workers, "COMMAND", [sys.executable, "-c", ""])
    pool = WorkerPool(Settings(folder=tmp_path, workers=1), Metrics())
    with pytest.raises(ModelError) as refused:
        pool.start()
    assert "worker_memory_mb" in refused.value.hint


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited so on Linux only")
def test_a_file_that_wants_too_much_memory_costs_no_more_than_its_answer(
    tmp_path, tiny_model, small_portrait
):
    huge = tmp_path / "huge.png"
    Image.new("RGBA", (7000, 7000), (9, 9, 9, 9)).save(huge)  # laid over white: twice the room
    with running(tmp_path / "service", tiny_model, worker_memory_mb=384, workers=1) as service:
        said = service.detect(huge)
        assert said.status_code == 422
        assert "memory" in said.json()["detail"] or "worker" in said.json()["detail"]
        assert service.detect(small_portrait).json()["status"] == "ok"


def test_where_no_worker_comes_nobody_is_kept_waiting(make_pool, judge, monkeypatch, caplog):
    pool = make_pool(workers=1)
    monkeypatch.setattr(workers, "AWAY_S", 0.5)
    refusal = Said(refused=("the model is gone", "bring it back")).model_dump_json()
    monkeypatch.setattr(workers, "COMMAND", [sys.executable, "-c", f"print({refusal!r})"])
    (first,) = judge(pool, "deadly")
    with pytest.raises(NoWorker):
        first.future.result(DEADLINE_S)
    assert pool.away
    until(lambda: "a worker does not start" in caplog.text, "the reason is told")


@pytest.mark.parametrize("away", [True, False], ids=["for long", "meanwhile"])
def test_without_a_worker_a_photo_is_answered_with_503(tmp_path, away):
    class Nobody:
        urgent_waiting = 0

        def submit(self, task):
            task.future.set_exception(NoWorker())

    pool, settings = Nobody(), Settings(folder=tmp_path)
    pool.away = away
    settings.uploads.mkdir()
    service = Service(settings, None, pool, Metrics(), None, None)
    files = {"file": ("a.jpg", b"\xff\xd8\xff")}
    said = TestClient(create_app(service)).post("/v1/detect", files=files)
    assert (said.status_code, said.json()["type"]) == (503, "urn:facetell:not-ready")
    assert said.json()["detail"] == "no worker is ready (the server's log says why)"
    assert list(settings.uploads.iterdir()) == []
