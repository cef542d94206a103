import threading

import pytest

from facetell.detect.scan import AHEAD, scan


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(threads):
    assert list(scan(range(50), lambda n: n * n, threads)) == [n * n for n in range(50)]


def test_items_are_taken_only_a_little_ahead():
    taken = []

    def items():
        for n in range(1000):
            taken.append(n)
            yield n

    results = scan(items(), lambda n: n, threads=2)
    next(results)
    assert len(taken) <= 2 * AHEAD + 1
    results.close()


def test_stopping_early_begins_nothing_more():
    begun, gate = [], threading.Event()

    def work(n):
        begun.append(n)
        if n == 1:
            gate.wait(5)
        return n

    results = scan(range(1000), work, threads=1)
    assert next(results) == 0
    gate.set()
    results.close()
    assert len(begun) <= AHEAD + 1


def test_stopping_early_waits_for_what_has_begun():
    begun, gate, done = threading.Event(), threading.Event(), []

    def work(n):
        if n:
            begun.set()
            gate.wait(5)
            done.append(n)

    results = scan(range(1000), work, threads=1)
    next(results)
    assert begun.wait(5)
    threading.Timer(0.05, gate.set).start()
    results.close()
    assert done == [1]


def test_an_error_reaches_the_caller():
    def work(n):
        raise ValueError(n)

    with pytest.raises(ValueError, match="0"):
        list(scan(range(3), work, threads=2))
