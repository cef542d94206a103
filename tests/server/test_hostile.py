"""All that breaks readers of pictures and clips, posted."""

import sys
from pathlib import Path

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
    pids = (service.process.pid, *service.workers())
    pages = [Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in pids]
    return [int(count) * 4096 / MIB for count in pages]


def test_every_hostile_file_is_answered_and_the_server_lives_on(
    tmp_path, tiny_model, small_portrait
):
    files = sorted(path for path in HOSTILE.rglob("*") if path.is_file())
    assert len(files) == 320
    with running(tmp_path, tiny_model, max_files=len(files)) as service:
        known = {path for path in files if was_taken(service, path)}  # loads what is loaded once
        first = memory_mib(service)[0]
        assert known == {path for path in files if was_taken(service, path)}
        server, *workers = memory_mib(service)
        assert server < first + 20
        assert max(workers) < 1024
        job_id = service.post_job(*sorted(known), params={"include": "evidence"}).json()["id"]
        reports = service.finished(job_id)
        assert [report["path"] for report in reports] == [path.name for path in sorted(known)]
        for report in reports:
            assert (report["p_fake"] is None) == (report["status"] != "ok")
        assert service.detect(small_portrait).status_code == 200
        assert service.metric("facetell_failures_total") == 0
        assert list((service.folder / "uploads").iterdir()) == []


def was_taken(service, path):
    """Whether it is a picture or clip by its first bytes."""
    said = service.detect(path, params={"include": ["evidence", "page"]})
    assert said.status_code in (200, 415, 422), (path, said.text)
    return said.status_code != 415 or said.json()["type"] == "urn:facetell:clip"
