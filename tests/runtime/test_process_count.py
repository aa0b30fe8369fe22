"""How many processes `auto` means."""

from __future__ import annotations

import pytest

from watchpost.runtime.process_count import process_count


@pytest.mark.parametrize(("cameras", "cores", "count"), [(0, 64, 1), (30, 64, 1), (1000, 2, 1), (1000, 1, 1)])
def test_few_cameras_or_few_cores_stay_in_one_process(cameras: int, cores: int, count: int) -> None:
    assert process_count("auto", cameras, cores) == count


def test_many_cameras_on_many_cores_are_spread() -> None:
    assert process_count("auto", 1000, 32) > process_count("auto", 300, 32) > 1


def test_cores_bound_the_processes() -> None:
    assert process_count("auto", 100_000, 8) == 4


def test_a_number_is_taken_as_it_is() -> None:
    assert process_count(3, 1, 1) == 3
