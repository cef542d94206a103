"""The API as a client sees it."""

import asyncio
import base64
import io
import json
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from starlette.testclient import TestClient

from facetell.detect.analyze import Detector
from facetell.detect.report import Report
from facetell.server import api
from facetell.server.app import create_app
from facetell.server.jobs import JobStore
from facetell.server.metrics import Metrics
from facetell.server.problems import ProblemError, too_many
from facetell.server.schemas import Judged
from facetell.server.service import Service
from facetell.server.settings import Settings
from facetell.server.uploads import Upload, _Receiver
from facetell.types import Kind
from tests.broken_inputs.make import BROKEN, saved
from tests.server.live import running, until

CLIP = BROKEN["video.mp4"]()


def test_detect_gives_the_report_that_python_gives(live, small_portrait, tiny_model):
    said = live.detect(small_portrait)
    assert said.status_code == 200
    report = Report.model_validate(said.json())
    expected = Detector.load(tiny_model).analyze(small_portrait)
    left_out = {"path", "timings_ms"}
    assert report.model_dump(exclude=left_out) == expected.model_dump(exclude=left_out)
    assert report.path == "face.jpg"


def test_evidence_comes_as_png_and_the_page_as_html_on_request(live, small_portrait):
    asked = {"include": ["evidence", "page"]}
    judged = Judged.model_validate(live.detect(small_portrait, params=asked).json())
    [face] = judged.pictures.faces
    for png in (judged.pictures.boxed_png, face.crop_png, face.evidence_png):
        with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
            assert picture.format == "PNG"
    assert "<h2>face.jpg</h2>" in judged.page
    assert "uploads" not in judged.page


def test_a_picture_without_a_face_is_judged_to_have_none(live, landscape):
    said = live.detect(landscape)
    assert (said.status_code, said.json()["status"]) == (200, "no_face")


@pytest.mark.parametrize(
    ("name", "data", "status", "words"),
    [
        ("text.jpg", b"no picture at all", 415, "text.jpg is not a picture"),
        ("clip.mp4", CLIP, 415, "clips are judged by POST /v1/jobs"),
        ("empty.png", b"", 415, "not a picture"),
        ("cut.jpg", BROKEN["truncated.jpg"](), 422, "cut short"),
        ("bomb.png", BROKEN["bomb.png"](), 422, "at most 50 million"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_the_reason(live, name, data, status, words):
    said = live.ask("POST", "/v1/detect", files={"file": (name, data)})
    problem = said.json()
    assert (said.status_code, problem["status"]) == (status, status)
    assert said.headers["content-type"] == "application/problem+json"
    assert words in problem["detail"]
    assert problem["request_id"] == said.headers["x-request-id"]


@pytest.mark.parametrize(
    "request_",
    [
        {"data": b"x" * 100, "headers": {"Content-Type": "image/jpeg"}},
        {"data": b"", "headers": {"Content-Type": "multipart/form-data"}},
        {"data": b"--b\r\nrubbish", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
        {"data": {"file": "text without a file name"}},
        {"files": {"file": (None, b"no name")}},
        {"files": [("file", ("a.jpg", b"\xff\xd8\xff")), ("file", ("b.jpg", b"\xff\xd8\xff"))]},
    ],
    ids=["raw", "no boundary", "cut off", "form", "field", "two files"],
)
def test_a_body_that_is_no_upload_is_refused(live, request_):
    said = live.ask("POST", "/v1/detect", **request_)
    assert said.status_code in (415, 422)
    assert said.json()["type"].startswith("urn:facetell:")


@pytest.fixture(scope="module")
def strict(tmp_path_factory, tiny_model):
    """A service with narrow limits and a key."""
    limits = {"max_bytes": 50_000, "max_files": 2, "max_pixels": 10_000, "jobs_per_client": 1}
    folder = tmp_path_factory.mktemp("strict")
    with running(folder, tiny_model, **limits, api_keys="one,two", queue_length=3) as service:
        yield service


KEY = {"headers": {"Authorization": "Bearer two"}}
OTHER_KEY = {"headers": {"Authorization": "Bearer one"}}


def test_too_many_bytes_are_refused_with_the_limit(strict):
    big = {"files": {"file": ("big.jpg", b"\xff\xd8\xff" + bytes(60_000))}}
    said = strict.ask("POST", "/v1/detect", **big, **KEY)
    assert said.status_code == 413
    assert said.json()["limit"] == {"name": "max_bytes", "value": 50_000}


def test_a_body_without_an_announced_length_is_cut_off_at_the_limit(strict):
    def chunks():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        yield b"\xff\xd8\xff"
        for _ in range(100):
            yield bytes(10_000)

    headers = KEY["headers"] | {"Content-Type": "multipart/form-data; boundary=b"}
    said = strict.ask("POST", "/v1/detect", data=chunks(), headers=headers)
    assert said.status_code == 413


def test_too_many_pixels_are_refused_with_the_limit(strict):
    data = saved(Image.new("RGB", (200, 200)), "PNG")
    said = strict.ask("POST", "/v1/detect", files={"file": ("large.png", data)}, **KEY)
    assert said.status_code == 422
    assert "at most 0.01 million" in said.json()["detail"]


def test_too_many_files_are_refused_with_the_limit(strict, small_portrait):
    said = strict.post_job(*[small_portrait] * 3, **KEY)
    assert said.status_code == 422
    assert said.json()["limit"] == {"name": "max_files", "value": 2}


def test_room_is_asked_for_again_once_a_photo_is_received(monkeypatch, tmp_path):
    """Others may have come while it was on its way."""
    upload = Upload(tmp_path / "upload", "a.jpg", Kind.IMAGE, 1)
    upload.path.write_bytes(b"x")
    asked = []

    class Filling:
        settings = None

        def check_room(self):
            asked.append(upload.path.exists())
            if len(asked) > 1:
                raise too_many("full", "photos_waiting", 1)

    async def received(*_, **__):
        return [upload]

    monkeypatch.setattr(api, "receive", received)
    with pytest.raises(ProblemError):
        asyncio.run(api.detect(None, Filling(), None))
    assert len(asked) == 2
    assert not upload.path.exists()


def test_no_service_without_a_key_but_health_is_open(strict, small_portrait):
    for path in ("/v1/models", "/v1/limits", "/v1/jobs/x"):
        assert strict.ask("GET", path).status_code == 401
    assert strict.detect(small_portrait).status_code == 401
    wrong = strict.ask("GET", "/v1/models", headers={"Authorization": "Bearer three"})
    assert wrong.status_code == 401
    assert strict.ask("GET", "/v1/models", **KEY).status_code == 200
    assert strict.ask("GET", "/healthz").status_code == 200


def test_a_job_is_nobody_elses(strict, small_portrait):
    job_id = strict.post_job(small_portrait, **KEY).json()["id"]
    for method in ("GET", "DELETE"):
        assert strict.ask(method, f"/v1/jobs/{job_id}", **OTHER_KEY).status_code == 404
        assert strict.ask(method, f"/v1/jobs/{job_id}", **KEY).status_code in (200, 204)


def test_keys_and_passwords_are_not_shown(strict):
    strict.ask("GET", "/v1/models", headers=KEY["headers"] | {"X-Request-ID": "keyed"})
    until(lambda: any(r.get("request_id") == "keyed" for r in strict.logs), "it is logged")
    assert not any("two" in json.dumps(record) for record in strict.logs)


def test_a_job_keeps_the_order_of_its_files(live, small_portrait, landscape):
    said = live.post_job(small_portrait, landscape, small_portrait)
    assert said.status_code == 202
    assert said.headers["location"] == f"/v1/jobs/{said.json()['id']}"
    reports = live.finished(said.json()["id"])
    assert [report["path"] for report in reports] == ["face.jpg", "landscape.png", "face.jpg"]
    assert [report["status"] for report in reports] == ["ok", "no_face", "ok"]


def test_a_damaged_file_of_a_job_gets_its_row(live, small_portrait, tmp_path):
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(BROKEN["truncated.jpg"]())
    bad, good = live.finished(live.post_job(cut, small_portrait).json()["id"])
    assert (bad["status"], bad["p_fake"], good["status"]) == ("error", None, "ok")
    assert "cut short" in bad["reason"]


def test_progress_is_streamed_until_the_job_is_done(live, small_portrait):
    job_id = live.post_job(*[small_portrait] * 10).json()["id"]
    told = live.followed(job_id)
    done = [job["files_done"] for job in told]
    assert done == sorted(done)
    assert told[-1] | {"id": job_id} == {
        "id": job_id, "state": "done", "progress": 1.0, "files_done": 10, "files_total": 10
    }  # fmt: skip


def test_a_deleted_job_is_gone(live, small_portrait):
    job_id = live.post_job(small_portrait).json()["id"]
    assert live.ask("DELETE", f"/v1/jobs/{job_id}").status_code == 204
    for method in ("GET", "DELETE"):
        assert live.ask(method, f"/v1/jobs/{job_id}").status_code == 404
    assert live.ask("GET", f"/v1/jobs/{job_id}/events").status_code == 404


def test_every_answer_has_safe_headers_and_an_id(live):
    for path in ("/", "/healthz", "/v1/models", "/nothing/here"):
        headers = live.ask("GET", path, headers={"X-Request-ID": "mine-7"}).headers
        assert headers["x-request-id"] == "mine-7"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    record = next(r for r in reversed(live.logs) if r.get("request_id") == "mine-7")
    assert record["message"] == "request"


def test_a_foreign_page_cannot_post(live, small_portrait):
    said = live.detect(small_portrait, headers={"Sec-Fetch-Site": "cross-site"})
    assert said.status_code == 403


def test_a_page_of_an_allowed_origin_can(tmp_path, tiny_model, small_portrait):
    origin = {"Origin": "https://ours.example", "Sec-Fetch-Site": "cross-site"}
    with running(tmp_path, tiny_model, allow_origins="https://ours.example") as service:
        said = service.detect(small_portrait, headers=origin)
    assert said.status_code == 200
    assert said.headers["access-control-allow-origin"] == "https://ours.example"


def test_models_shows_the_card(live):
    [model] = live.ask("GET", "/v1/models").json()
    assert model["info"]["name"] == model["card"]["name"] == "tiny"


def test_metrics_count_requests_verdicts_and_the_queue(live, small_portrait):
    before = live.metric("facetell_files_total")
    live.detect(small_portrait)
    assert live.metric("facetell_files_total") == before + 1
    text = live.ask("GET", "/metrics").text
    for name in ("requests_total", "request_seconds_bucket", "queue_files", "photos_waiting"):
        assert f"facetell_{name}" in text


def test_nothing_of_an_upload_stays(live, small_portrait, tmp_path):
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(BROKEN["truncated.jpg"]())
    for path in (small_portrait, cut):
        live.detect(path)
    live.ask("POST", "/v1/detect", files={"file": ("text.jpg", b"no picture")})
    live.finished(live.post_job(small_portrait, cut).json()["id"])
    assert list((live.folder / "uploads").iterdir()) == []


def test_a_client_that_leaves_while_it_sends_leaves_nothing_behind(live):
    place = urlsplit(live.url)
    before = live.metric("facetell_failures_total")
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall(
            b"POST /v1/detect HTTP/1.1\r\nHost: x\r\nX-Request-ID: leaver\r\n"
            b"Content-Length: 9999\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
            b'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n\xff\xd8\xff'
        )
        until(lambda: list((live.folder / "uploads").iterdir()), "the upload begins")
    until(lambda: any(r.get("request_id") == "leaver" for r in live.logs), "the request ended")
    assert list((live.folder / "uploads").iterdir()) == []
    assert live.metric("facetell_failures_total") == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
@pytest.mark.parametrize("size", [100, 100_000])
def test_an_upload_that_meets_a_full_disk_is_told_and_gone(tmp_path, monkeypatch, size):
    settings = Settings(folder=tmp_path)
    settings.uploads.mkdir()

    opened = Path.open

    def full(path, mode):
        path.touch()
        return opened(Path("/dev/full"), "wb")

    async def body():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        yield b"\xff\xd8\xff" + bytes(size)
        yield b"\r\n--b--\r\n"

    receiver = _Receiver(settings, frozenset({Kind.IMAGE}), max_files=1)
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(ProblemError, match="cannot keep the file"):
        asyncio.run(receiver.read(b"b", body()))
    receiver.discard()
    assert list(settings.uploads.iterdir()) == []


def test_a_job_that_the_disk_does_not_take_is_told_and_gone(tmp_path, monkeypatch, caplog):
    def full(_):
        raise OSError(28, "No space left on device")

    settings = Settings(folder=tmp_path)
    service = Service(settings, JobStore(settings), None, Metrics(), None, None)
    monkeypatch.setattr(os, "fsync", full)
    files = {"files": ("a.jpg", b"\xff\xd8\xff")}
    said = TestClient(create_app(service)).post("/v1/jobs", files=files)
    service.store.close()
    assert (said.status_code, said.json()["type"]) == (503, "urn:facetell:not-ready")
    assert "cannot keep the file" in said.json()["detail"]
    assert "No space left" in next(r.error for r in caplog.records if "kept" in r.message)
    assert list(settings.uploads.iterdir()) == []


def test_a_body_that_no_parser_takes_is_malformed(live):
    content_type = f"multipart/form-data; boundary={'b' * 300}"
    said = live.ask("POST", "/v1/detect", data=b"x", headers={"Content-Type": content_type})
    assert (said.status_code, said.json()["type"]) == (422, "urn:facetell:malformed")


@pytest.mark.parametrize("lines", [1, 200], ids=["long", "many"])
def test_the_headers_of_a_part_have_a_limit(tmp_path, lines):
    async def body():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
        for _ in range(lines):
            yield b"X-Note: " + b"x" * (10_000 // lines) + b"\r\n"
        pytest.fail("it was read on")

    receiver = _Receiver(Settings(folder=tmp_path), frozenset({Kind.IMAGE}), max_files=1)
    with pytest.raises(ProblemError) as refused:
        asyncio.run(receiver.read(b"b", body()))
    assert refused.value.problem.type == "urn:facetell:malformed"


def test_a_form_field_has_the_limit_of_a_file(tmp_path):
    settings = Settings(folder=tmp_path, max_bytes=1000)

    async def body():
        yield b'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\n'
        yield bytes(1001)

    receiver = _Receiver(settings, frozenset({Kind.IMAGE}), max_files=1)
    with pytest.raises(ProblemError, match="larger than 1000 bytes"):
        asyncio.run(receiver.read(b"b", body()))
