"""The C library takes memory as we want where it can be told so, and nothing breaks where not."""

import platform
import subprocess
import sys

import pytest

from facetell.detect import heap

SETTINGS = [heap.spare_memory, heap.keep_freed_memory]
PIECES_FREED = """
from facetell.detect import heap
def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
pieces = [bytes(2000) for _ in range(50_000)]
del pieces[:-1]
before = resident_mb()
print(heap.give_back(), before - resident_mb())
"""


@pytest.mark.parametrize("setting", SETTINGS)
def test_glibc_takes_the_setting(setting):
    code = f"from facetell.detect import heap; print(heap.{setting.__name__}())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(platform.libc_ver()[0] == "glibc")


@pytest.mark.parametrize("setting", [*SETTINGS, heap.give_back])
def test_other_systems_are_left_alone(monkeypatch, setting):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert setting() is False


@pytest.mark.parametrize("setting", [*SETTINGS, heap.give_back])
def test_a_c_library_without_the_setting_is_left_alone(monkeypatch, setting):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(heap.ctypes, "CDLL", lambda _: object())
    assert setting() is False


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives back")
def test_small_pieces_that_were_freed_go_back():
    done = subprocess.run(
        [sys.executable, "-c", PIECES_FREED], capture_output=True, text=True, check=True
    )
    gave_back, mb = done.stdout.split()
    assert gave_back == "True"
    assert float(mb) > 80
