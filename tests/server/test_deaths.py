"""kill -9 at any moment: every accepted job ends exactly once."""

import os
import signal
import socket
import sys

import pytest

from facetell.server.jobs import JobStore
from facetell.server.schemas import State
from facetell.server.settings import Settings
from tests.server.conftest import new_database
from tests.server.live import running, start, until

FILES = 40
FAST = {"lease_s": 1}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9 on Windows")


def test_a_killed_server_loses_no_accepted_job(queue, tiny_model, small_portrait):
    with running(model=tiny_model, **queue, **FAST) as first:
        jobs = [first.post_job(*[small_portrait] * FILES).json()["id"] for _ in range(2)]
        until(lambda: first.job(jobs[0])["files_done"] >= 3, "three files done")
        first.kill()
    with running(model=tiny_model, **queue, **FAST) as second:
        reports = [report for job_id in jobs for report in second.finished(job_id)]
        assert [report["status"] for report in reports] == ["ok"] * 2 * FILES
        assert list((second.folder / "uploads").iterdir()) == []


def test_a_killed_server_takes_its_workers_along(tmp_path, tiny_model):
    with running(tmp_path, tiny_model) as service:
        workers = service.workers()
        assert len(workers) == 2
        service.kill()
        until(lambda: not any(_alive(pid) for pid in workers), "the workers ended")


def test_a_killed_worker_costs_no_file(queue, tiny_model, small_portrait):
    # With two workers, a file could go from the first to be killed to the second.
    with running(model=tiny_model, workers=1, **queue) as service:
        job_id = service.post_job(*[small_portrait] * FILES).json()["id"]
        for done in (3, 10):
            until(lambda done=done: service.job(job_id)["files_done"] >= done, f"{done} files done")
            for pid in service.workers():
                os.kill(pid, signal.SIGKILL)
        assert [report["status"] for report in service.finished(job_id)] == ["ok"] * FILES
        assert service.metric("facetell_files_total") == FILES
        until(service.workers, "the dead are replaced")


def test_a_request_outlives_its_worker(tmp_path, tiny_model, small_portrait):
    with running(tmp_path, tiny_model) as service:
        for pid in service.workers():
            os.kill(pid, signal.SIGKILL)
        assert service.detect(small_portrait).json()["status"] == "ok"


def test_several_servers_share_a_queue_and_do_nothing_twice(
    tmp_path, postgres, tiny_model, small_portrait
):
    shared = {"folder": tmp_path, "database": new_database(postgres), "model": tiny_model, **FAST}
    with running(**shared) as one, running(**shared) as other:
        jobs = [one.post_job(*[small_portrait] * FILES).json()["id"] for _ in range(3)]
        for job_id in jobs:
            reports = other.finished(job_id)
            assert [report["status"] for report in reports] == ["ok"] * FILES
        counts = [service.metric("facetell_files_total") for service in (one, other)]
        assert sum(counts) == 3 * FILES
        assert min(counts) > 0


def test_a_server_goes_on_with_what_another_left(tmp_path, postgres, tiny_model, small_portrait):
    shared = {"folder": tmp_path, "database": new_database(postgres), "model": tiny_model, **FAST}
    with running(**shared) as one, running(**shared) as other:
        job_id = one.post_job(*[small_portrait] * FILES).json()["id"]
        until(lambda: other.job(job_id)["files_done"] >= 3, "three files done")
        one.kill()
        assert [report["status"] for report in other.finished(job_id)] == ["ok"] * FILES


def test_a_server_told_to_stop_ends_what_it_is_at_and_hands_back_the_rest(
    tmp_path, tiny_model, small_portrait
):
    long = {"lease_s": 3600}  # nothing is taken over: what is not handed back is stuck
    service = start(tmp_path, tiny_model, **long)
    service.wait_until_up()
    job_id = service.post_job(*[small_portrait] * FILES).json()["id"]
    until(lambda: service.job(job_id)["files_done"] >= 3, "three files done")
    service.process.terminate()
    assert service.process.wait(30) == 0
    service.process.stderr.close()
    assert not any("traceback" in record for record in service.logs)
    with running(tmp_path, tiny_model, **long) as second:
        assert [report["status"] for report in second.finished(job_id)] == ["ok"] * FILES


def test_a_stopping_server_takes_no_more_while_it_waits_for_a_slow_client(
    tmp_path, tiny_model, small_portrait
):
    with running(tmp_path, tiny_model, workers=1, grace_s=4) as service:
        job_id = service.post_job(*[small_portrait] * FILES).json()["id"]
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as slow:
            slow.sendall(
                b"POST /v1/detect HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
            )
            until(lambda: service.job(job_id)["files_done"] >= 3, "three files done")
            service.process.terminate()
            assert service.process.wait(30) == 0
    store = JobStore(Settings(folder=tmp_path))
    assert store.count()[State.WAITING] > 0
    store.close()


def test_a_stopping_server_ends_its_streams(tmp_path, tiny_model, small_portrait):
    with running(tmp_path, tiny_model, lease_s=3600) as service:
        job_id = service.post_job(*[small_portrait] * FILES).json()["id"]
        with service.ask("GET", f"/v1/jobs/{job_id}/events", stream=True) as answer:
            next(answer.iter_lines())
            service.process.terminate()
            assert service.process.wait(30) == 0


def test_ready_tells_when_the_database_is_away(tmp_path, postgres, tiny_model, small_portrait):
    import psycopg

    url = new_database(postgres)
    name = url.partition("@/")[2].partition("?")[0]
    with running(tmp_path, tiny_model, database=url) as service:
        assert service.ask("GET", "/readyz").status_code == 200
        with psycopg.connect(host=postgres, user="postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        assert service.ask("GET", "/readyz").status_code == 503
        assert service.ask("GET", "/healthz").status_code == 200
        assert service.detect(small_portrait).status_code == 200
        assert service.post_job(small_portrait).status_code == 503


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
