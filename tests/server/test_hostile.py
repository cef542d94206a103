"""All that breaks readers of pictures and clips, posted."""

import sys

import pytest

from tests.server.live import running
from tests.shared import SHARED

HOSTILE = SHARED / "media" / "hostile"
MIB = 1 << 20

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HOSTILE.is_dir(), reason=f"the hostile files are not at {HOSTILE}"),
    pytest.mark.skipif(sys.platform != "linux", reason="measured as Linux counts it"),
]


def memory_mib(service):
    """Resident memory of the server and of its workers."""
    pages = [open(f"/proc/{pid}/statm").read().split()[1]  # noqa: PTH123, SIM115
             for pid in (service.process.pid, *service.workers())]  # fmt: skip
    return [int(count) * 4096 / MIB for count in pages]


def test_every_hostile_file_is_answered_and_the_server_lives_on(tmp_path, tiny_model, small_portrait):
    files = sorted(path for path in HOSTILE.rglob("*") if path.is_file())
    assert len(files) == 320
    with running(tmp_path, tiny_model, queue_length=1000) as service:
        post_all(service, files)  # also loads what is loaded once
        first = memory_mib(service)[0]
        post_all(service, files)
        server, *workers = memory_mib(service)
        assert server < first + 20
        assert max(workers) < 1024
        assert service.detect(small_portrait).status_code == 200
        assert service.metric("facetell_failures_total") == 0
        assert list((service.folder / "uploads").iterdir()) == []


def post_all(service, files):
    jobs = []
    for path in files:
        said = service.detect(path, params={"include": ["evidence", "page"]})
        assert said.status_code in (200, 415, 422), (path, said.text)
        said = service.post_job(path, params={"include": "evidence"})
        assert said.status_code in (202, 415, 429), (path, said.text)
        if said.status_code == 202:
            jobs.append(said.json()["id"])
            service.followed(jobs[-1])
    for job_id in jobs:
        [report] = service.finished(job_id)
        assert (report["p_fake"] is None) == (report["status"] != "ok")
