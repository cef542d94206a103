"""Do one thing for many files: several at a time, results in order, memory bounded."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4
"""Files in work or waiting per thread: enough to keep all busy, few enough to hold in memory."""


def scan(
    items: Iterable[T], work: Callable[[T], R], threads: int, ahead: int = AHEAD
) -> Iterator[R]:
    """Yield `work(item)` for each item, in the order of the items.

    ahead: items in work or waiting per thread.

    Threads suffice: decoding and ONNX Runtime both let go of Python's lock. When the caller stops
    early (Ctrl-C), what has not begun is not begun.
    """
    items = iter(items)
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="facetell")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= threads * ahead:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    finally:
        # Not by joining the threads: a second Ctrl-C would break that off for good, and Python
        # would end while they work.
        pool.shutdown(wait=False, cancel_futures=True)
        wait([begun for begun in waiting if not begun.cancelled()])


def _first(waiting: deque[Future[R]]) -> R:
    result = waiting[0].result()
    waiting.popleft()
    return result
