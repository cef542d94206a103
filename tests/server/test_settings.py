"""Settings, and the command that takes them."""

import socket
import sys

import pytest

from facetell.server import run
from facetell.server.settings import Settings, SettingsError, read_settings
from tests.cli.command import facetell, facetell_process


def test_flags_win_over_the_environment_and_that_over_defaults():
    environment = {"FACETELL_PORT": "9000", "FACETELL_WORKERS": "3", "PORT": "1"}
    settings, origins = read_settings(environment, ["port=9001"])
    assert (settings.port, settings.workers, settings.host) == (9001, 3, "127.0.0.1")
    assert origins == {"port": "flag", "workers": "FACETELL_WORKERS"}


def test_lists_are_separated_by_commas():
    settings, _ = read_settings({"FACETELL_API_KEYS": "one, two,"})
    assert [key.get_secret_value() for key in settings.api_keys] == ["one", "two"]


@pytest.mark.parametrize("flag", ["port", "nonsense=1", "port=many", "workers=0", "max_bytes=1e99"])
def test_a_setting_that_is_none_is_refused_with_a_hint(flag):
    with pytest.raises(SettingsError) as refused:
        read_settings({}, [flag])
    assert refused.value.hint


@pytest.mark.parametrize("name", ["API_KEY", "KEY", "KEYS", "SECRET_KEYS"])
def test_a_slip_in_the_name_of_a_variable_is_refused_and_others_are_left_alone(name):
    with pytest.raises(SettingsError) as refused:
        read_settings({f"FACETELL_{name}": "sesame"})
    assert refused.value.hint == "is FACETELL_API_KEYS meant?"
    assert "sesame" not in str(refused.value)
    read_settings({"FACETELL_DATABASE_PASSWORD": "x", "FACETELL_SERVICE_HOST": "10.0.0.1"})
    read_settings({"FACETELL_PORT": "", "MY_KEY": "x"})


@pytest.mark.parametrize("keys", [" , ", ",", ""])
def test_keys_that_are_none_do_not_leave_the_service_open(keys):
    with pytest.raises(SettingsError, match="holds no key"):
        read_settings({"FACETELL_API_KEYS": keys})
    with pytest.raises(SettingsError, match="holds no key"):
        read_settings({}, ["api_keys="])


def test_a_refused_secret_is_not_repeated():
    with pytest.raises(SettingsError) as refused:
        read_settings({"FACETELL_PORT": "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_photos_find_a_worker_beside_the_jobs():
    slots = [Settings(workers=n).job_slots for n in (1, 2, 8)]
    assert slots == [1, 1, 7]
    assert Settings(workers=2, jobs_at_once=9).job_slots == 2


def test_all_settings_are_shown_and_no_secret(monkeypatch):
    monkeypatch.setenv("FACETELL_API_KEYS", "hunter2")
    monkeypatch.setenv("COLUMNS", "200")
    shown = facetell("serve", "--port", 9001, "--show-settings")
    assert shown.code == 0
    for name in Settings.model_fields:
        assert name in shown.out
    assert "FACETELL_API_KEYS" in shown.out
    assert "hunter2" not in shown.out


def test_a_service_that_cannot_start_says_why_in_a_line(tmp_path):
    said = facetell_process("serve", "--folder", tmp_path, "--model", tmp_path / "none.onnx")
    assert said.code == 3
    assert "none.onnx cannot be read" in said.err
    assert "Traceback" not in said.err


def test_without_the_extra_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    said = facetell("serve")
    assert said.code == 2
    assert "in the folder of facetell: pip install '.[serve]'" in said.err


def test_a_port_that_is_taken_is_one_line_with_its_remedy(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = facetell("serve", "--port", port, "--folder", tmp_path)
    assert said.code == 2
    assert said.err == f"facetell: port {port} is taken\n  --port 0 takes a free one\n"


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"host": "0.0.0.0"}, True),
        ({"host": "0.0.0.0", "api_keys": ["a" * 40]}, False),
        ({"host": "127.0.0.1"}, False),
    ],
    ids=str,
)
def test_a_service_that_all_may_use_says_so(settings, warned, monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(run, "log_as_json", lambda: None)
    monkeypatch.setattr(run.Service, "open", lambda settings: None)
    monkeypatch.setattr(run, "create_app", lambda service: None)
    monkeypatch.setattr(run._Server, "run", lambda self: None)
    monkeypatch.setattr(run.signal, "signal", lambda *_: None)
    run.serve(Settings(port=0, folder=tmp_path, **settings))
    assert ("api_keys is empty" in caplog.text) == warned
