"""Threads share one heap where the C library can be told so, and nothing breaks where not."""

import platform
import sys

from facetell.detect import heap


def test_glibc_takes_one_heap_for_all_threads():
    assert heap.share_one_heap() is (platform.libc_ver()[0] == "glibc")


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert heap.share_one_heap() is False


def test_a_c_library_without_the_setting_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(heap.ctypes, "CDLL", lambda _: object())
    assert heap.share_one_heap() is False
