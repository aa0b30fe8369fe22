"""Cameras are spread evenly, and stay where they are."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.runtime.sharding import assign


def test_cameras_are_spread_evenly() -> None:
    places = assign([f"c{number}" for number in range(10)], {}, 3)
    assert sorted(Counter(places.values()).values()) == [3, 3, 4]


def test_a_new_camera_moves_no_other() -> None:
    before = assign([f"c{number}" for number in range(10)], {}, 3)
    after = assign(["new", *before], before, 3)
    assert {name: after[name] for name in before} == before
    assert Counter(after.values()).most_common()[-1][1] >= 3


def test_the_order_in_the_file_moves_nobody() -> None:
    before = assign(["a", "b", "c", "d", "e"], {}, 2)
    assert assign(["e", "d", "c", "b", "a"], before, 2) == before


def test_a_worker_that_holds_far_too_much_gives_some_away() -> None:
    before = {f"c{number}": 0 for number in range(8)}  # the cameras of the other worker have gone
    after = assign(list(before), before, 2)
    assert Counter(after.values()) == {0: 5, 1: 3}
    assert all(after[f"c{number}"] == 0 for number in range(5))


def test_places_that_are_no_more_are_given_up() -> None:
    assert assign(["a", "b"], {"a": 5, "b": 0}, 2) == {"a": 1, "b": 0}


def test_no_workers_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        assign(["a"], {}, 0)


@given(
    st.lists(st.sets(st.integers(0, 30)), min_size=1, max_size=6),
    st.integers(1, 5),
)
def test_whatever_comes_and_goes_nobody_is_left_out_and_no_worker_is_overloaded(
    reloads: list[set[int]], workers: int
) -> None:
    places: dict[str, int] = {}
    for numbers in reloads:
        cameras = [f"c{number}" for number in sorted(numbers)]
        before, places = places, assign(cameras, places, workers)
        assert list(places) == cameras
        assert all(0 <= worker < workers for worker in places.values())
        held = Counter(places.values())
        assert all(count <= -(-1.25 * len(cameras) // workers) for count in held.values())
        moved = [name for name in cameras if name in before and before[name] != places[name]]
        kept = Counter(before[name] for name in cameras if name in before)
        excess = sum(max(0, count - -(-5 * len(cameras) // (4 * workers))) for count in kept.values())
        assert len(moved) <= excess
