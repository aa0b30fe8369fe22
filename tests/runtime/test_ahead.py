"""Work is done side by side and comes out in order."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from watchpost.runtime.ahead import in_order


def taking(items: Iterator[int]):
    return lambda: next(items, None)


@pytest.mark.parametrize("parallel", [1, 2, 4])
def test_results_keep_their_order(parallel: int) -> None:
    results = list(in_order(taking(iter(range(100))), lambda n: n * n, parallel))
    assert results == [(n, n * n) for n in range(100)]


def test_items_are_worked_on_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=10)  # breaks unless two calls meet
    list(in_order(taking(iter(range(4))), lambda n: both.wait(), 2))
    assert not both.broken


def test_no_item_is_taken_before_there_is_room() -> None:
    taken: list[int] = []
    two_taken, go_on = threading.Event(), threading.Event()

    def take() -> int | None:
        taken.append(len(taken))
        if len(taken) == 2:
            two_taken.set()
        return taken[-1] if len(taken) <= 5 else None

    def work(item: int) -> int:
        assert go_on.wait(10)
        return item

    results = in_order(take, work, 2)
    first = threading.Thread(target=lambda: next(results))
    first.start()
    assert two_taken.wait(10)
    assert taken == [0, 1]  # both are being worked on, and there is no room for a third
    go_on.set()
    first.join(10)
    assert [item for item, _ in results] == [1, 2, 3, 4]


@pytest.mark.parametrize("parallel", [1, 3])
def test_an_error_comes_in_its_turn_and_leaves_no_thread(parallel: int) -> None:
    def work(item: int) -> int:
        return 1 // (5 - item)

    before = threading.active_count()
    results = in_order(taking(iter(range(1000))), work, parallel)
    assert [item for item, _ in itertools.islice(results, 5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ZeroDivisionError):
        next(results)
    for thread in threading.enumerate():
        if thread.name.startswith("detect"):
            thread.join(10)
    assert threading.active_count() <= before


def test_work_that_hangs_does_not_hold_up_the_end_of_the_program() -> None:
    script = """
import threading
from watchpost.runtime.ahead import in_order

is_working = threading.Event()
def work(item):
    is_working.set()
    threading.Event().wait()
results = in_order(lambda: 1, work, 2)
threading.Thread(target=lambda: next(results), daemon=True).start()
is_working.wait()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=20)
