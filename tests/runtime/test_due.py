"""A steady rate out of uneven frames."""

from __future__ import annotations

import pytest

from watchpost.runtime.due import Due


@pytest.mark.parametrize(
    ("interval_s", "times_s", "wanted_s"),
    [
        (1.0, [0.0, 0.5, 1.0, 1.5, 2.0], [0.0, 1.0, 2.0]),
        (0.25, [0.0, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8], [0.0, 0.3, 0.5, 0.8]),  # 4 a second from an uneven camera
        (1.0, [0.0, 10.0, 10.5, 11.0], [0.0, 10.0, 11.0]),  # no catching up after a gap
        (0.0, [0.0, 0.0, 0.1], [0.0, 0.0, 0.1]),
    ],
)
def test_due(interval_s: float, times_s: list[float], wanted_s: list[float]) -> None:
    is_due = Due(interval_s)
    assert [time_s for time_s in times_s if is_due(time_s)] == wanted_s


def test_a_new_interval_counts_from_the_last_frame() -> None:
    is_due = Due(1.0)
    assert is_due(0.0)
    assert not is_due(0.4)
    is_due.interval_s = 0.5
    assert [time_s for time_s in (0.4, 0.5, 0.9, 1.0) if is_due(time_s)] == [0.5, 1.0]
    is_due.interval_s = 2.0
    assert [time_s for time_s in (1.5, 2.0, 3.0) if is_due(time_s)] == [3.0]
