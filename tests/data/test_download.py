"""The hubs' own clients against a stand-in on this machine: what is sent, and what comes of it."""

import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from PIL import Image

from facetell.data.download import download
from facetell.data.layouts import read_dataset
from facetell.errors import DataError
from tests.shared import drawn_face

kagglehub = pytest.importorskip("kagglehub", reason="the training extra is not installed")


def picture(seed):
    buffer = io.BytesIO()
    Image.fromarray(drawn_face(32, seed)).save(buffer, "JPEG")
    return buffer.getvalue()


FILES = {f"train/{label}/{n}.jpg": picture(n) for label in ("real", "fake") for n in range(2)}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return buffer.getvalue()


class StandIn(BaseHTTPRequestHandler):
    """As much of both hubs as their clients ask for."""

    asked: ClassVar[list[str]] = []

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        wanted = json.loads(self.rfile.read(length) or b"{}")
        StandIn.asked.append(f"{self.path} {self.headers.get('Authorization', '')[:6]}")
        if wanted.get("ownerSlug") != "someone":
            self._send(404 if wanted.get("ownerSlug") == "nobody" else 403, b"{}")
        elif self.path.endswith("GetDataset"):
            self._send(200, json.dumps({"currentVersionNumber": 3}).encode())
        else:
            self._send(200, zipped(), "application/zip")

    def do_GET(self):
        StandIn.asked.append(self.path)
        name = self.path.partition(f"/resolve/{COMMIT}/")[2]
        if "/someone/faces" not in self.path:
            self._send(404, b"{}", headers={"X-Error-Code": "RepoNotFound"})
        elif name in FILES:
            marks = {"ETag": f'"{abs(hash(name))}"', "X-Repo-Commit": COMMIT}
            self._send(200, FILES[name], "image/jpeg", marks)
        else:
            files = [{"rfilename": path} for path in FILES]
            tree = [
                {"type": "file", "path": p, "oid": "0", "size": len(d)} for p, d in FILES.items()
            ]
            about = {"id": "someone/faces", "sha": COMMIT, "siblings": files}
            self._send(200, json.dumps(tree if "/tree/" in self.path else about).encode())

    do_HEAD = do_GET

    def _send(self, status, body, kind="application/json", headers=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(monkeypatch):
    import huggingface_hub.constants
    from kagglesdk import kaggle_env

    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.LOCAL, address)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    monkeypatch.setattr(
        huggingface_hub.constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        address + "/{repo_id}/resolve/{revision}/{filename}",
    )
    StandIn.asked.clear()
    yield StandIn
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", ["kaggle:someone/faces", "hf:someone/faces"])
def test_a_data_set_is_fetched_by_name_and_recognised_as_it_lies(hub, tmp_path, name):
    where = download(name, tmp_path / "faces")
    samples = read_dataset(where).samples
    assert sorted(s.label for s in samples) == [0, 0, 1, 1]
    assert {s.split for s in samples} == {"train"}
    for relative, data in FILES.items():
        assert (where / relative).read_bytes() == data
    assert hub.asked


@pytest.mark.parametrize("name", ["kaggle:nobody/faces", "hf:nobody/faces"])
def test_what_is_not_there_is_an_error_with_a_remedy(hub, tmp_path, name):
    with pytest.raises(DataError, match="cannot be fetched") as refused:
        download(name, tmp_path)
    assert "name" in refused.value.hint


def test_what_needs_an_account_says_how_to_get_in(hub, tmp_path):
    with pytest.raises(DataError, match="cannot be fetched") as refused:
        download("kaggle:private/faces", tmp_path)
    assert "KAGGLE_API_TOKEN" in refused.value.hint


def test_without_a_network_it_says_so(monkeypatch, tmp_path):
    from kagglesdk import kaggle_env

    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    nowhere = "http://127.0.0.1:9"  # the discard port, where nobody listens
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.LOCAL, nowhere)
    with pytest.raises(DataError, match="cannot be fetched") as refused:
        download("kaggle:someone/faces", tmp_path)
    assert "network" in refused.value.hint


@pytest.mark.parametrize("name", ["faces", "kaggle:faces", "ftp:a/b", "hf:a/b/c", "hf:/b"])
def test_a_name_that_is_none_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="names no data set"):
        download(name, tmp_path)
