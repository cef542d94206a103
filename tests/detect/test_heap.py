"""The C library takes memory as we want where it can be told so, and nothing breaks where not."""

import platform
import subprocess
import sys

import pytest

from facetell.detect import heap

SETTINGS = [heap.spare_memory, heap.keep_freed_memory]


@pytest.mark.parametrize("setting", SETTINGS)
def test_glibc_takes_the_setting(setting):
    code = f"from facetell.detect import heap; print(heap.{setting.__name__}())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(platform.libc_ver()[0] == "glibc")


@pytest.mark.parametrize("setting", SETTINGS)
def test_other_systems_are_left_alone(monkeypatch, setting):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert setting() is False


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_c_library_without_the_setting_is_left_alone(monkeypatch, setting):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(heap.ctypes, "CDLL", lambda _: object())
    assert setting() is False
