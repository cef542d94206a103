"""`facetell dashboard`: what it starts, and what it refuses."""

import signal
import subprocess
import sys
from contextlib import nullcontext
from importlib import util
from types import SimpleNamespace

import pytest

from facetell.cli import dashboard
from tests.cli.command import facetell


@pytest.fixture
def started(monkeypatch):
    """The command lines that were run, none of them for real."""
    commands = []

    def start(command):
        commands.append(command)
        return nullcontext(SimpleNamespace(wait=lambda: 0))

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(util, "find_spec", lambda name: name)
    return commands


def test_it_listens_here_only_and_tells_nobody(started, tmp_path):
    assert facetell("dashboard", tmp_path, "--no-browser", "--port", "9001").code == 0
    (command,) = started
    assert command[:4] == [sys.executable, "-m", "streamlit", "run"]
    assert dashboard.APP.is_file()
    assert {
        "--browser.gatherUsageStats=false",
        "--server.address=127.0.0.1",
        "--server.headless=true",
        "--server.port=9001",
    } < set(command)
    assert command[command.index("--") :] == ["--", str(tmp_path)]


def test_without_a_folder_it_takes_the_usual_one_if_it_is_there(started, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    facetell("dashboard")
    (tmp_path / "runs").mkdir()
    facetell("dashboard")
    assert [command[command.index("--") + 1 :] for command in started] == [[], ["runs"]]


def test_a_folder_that_is_none_is_refused(started, tmp_path):
    done = facetell("dashboard", tmp_path / "nowhere")
    assert done.code == 2
    assert "is no folder" in done.err
    assert not started


def test_without_the_extra_it_says_how_to_get_it(started, monkeypatch):
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "streamlit" else name)
    done = facetell("dashboard")
    assert done.code == 2
    assert "in the folder of facetell: pip install '.[dashboard]'" in done.err
    assert not started
