"""The search for the largest number of cameras, with scripted machines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from watchpost.fleet.search import Search


def run(search: Search, holds: Callable[[int], bool], load: Callable[[int], float] = lambda _: 1.0) -> list[int]:
    """The numbers that the search asked for."""
    asked: list[int] = []
    while (cameras := search.next()) is not None:
        asked.append(cameras)
        search.report(cameras, holds(cameras), load(cameras))
        assert len(asked) < 100
    return asked


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 16, 17, 100, 399])
def test_finds_the_limit_within_the_tolerance(limit: int) -> None:
    search = Search(start=4, most=400, tolerance=0.05)
    run(search, lambda n: n <= limit)
    assert limit - max(1, 0.05 * limit) <= search.best <= limit


def test_one_camera_too_many_is_none() -> None:
    search = Search(start=8, most=400)
    assert run(search, lambda _: False) == [8, 4, 2, 1]
    assert search.best == 0


def test_stops_at_the_most() -> None:
    search = Search(start=4, most=50, rounds=3)
    assert run(search, lambda _: True)[-3:] == [50, 50, 50]
    assert search.best == 50


def test_the_load_saves_runs() -> None:
    by_load = run(Search(start=4, most=400), lambda n: n <= 100, lambda n: n / 100)
    blind = run(Search(start=4, most=400), lambda n: n <= 100)
    assert by_load[:3] == [4, 16, 64]
    assert len(by_load) < len(blind)


def test_the_answer_is_run_as_often_as_asked() -> None:
    search = Search(start=4, most=400, rounds=3)
    asked = run(search, lambda n: n <= 10)
    assert asked.count(search.best) == 3


def test_an_answer_that_fails_more_often_than_not_gives_way_to_less() -> None:
    votes = iter([True, False, False])
    search = Search(start=10, most=400, rounds=3)
    asked = run(search, lambda n: next(votes) if n == 10 else n < 10)
    assert asked.count(10) == 3
    assert search.best == 9
