"""One heap for all threads of a process of ours."""

import ctypes
import sys

_M_ARENA_MAX = -8


def share_one_heap() -> bool:
    """Call before threads are started; returns whether it took effect: only glibc listens.

    By default each thread has a heap of its own, and keeps there what the largest look at a large
    picture took.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1))
    except (AttributeError, OSError):  # another C library, such as musl
        return False
