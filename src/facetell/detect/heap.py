"""How a process of ours takes memory from the system. Only glibc listens."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -3, -4, -8
_TAKEN_AT_ONCE = 256 << 20  # bytes
_LARGE = 3 << 20  # bytes: above most of what the judging net hands on, below the finder's pieces


def spare_memory() -> bool:
    """One heap for all threads, which never holds large pieces. Call before threads are started;
    returns whether it took effect.

    By default each thread has a heap of its own, and keeps there what the largest picture took,
    in pieces that the next one does not fit into.
    """
    return _set(_M_ARENA_MAX, 1) and _set(_M_MMAP_THRESHOLD, _LARGE)


def keep_freed_memory() -> bool:
    """Returns whether it took effect.

    By default a tensor of some megabytes is given back as soon as it is freed, and the next one of
    its size is taken anew, page for page, at every layer of every training step.
    """
    return _set(_M_MMAP_MAX, 0) and _set(_M_TRIM_THRESHOLD, -1) and _set(_M_TOP_PAD, _TAKEN_AT_ONCE)


def give_back() -> bool:
    """Hand what was freed, between pieces still held, back to the system; returns whether any was.

    ONNX Runtime reads a file into many small pieces and frees most of them again.
    """
    return _call("malloc_trim", 0)


def _set(parameter: int, value: int) -> bool:
    return _call("mallopt", parameter, value)


def _call(function: str, *arguments: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(getattr(ctypes.CDLL(None), function)(*arguments))
    except (AttributeError, OSError):  # another C library, such as musl
        return False
