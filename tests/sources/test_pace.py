from __future__ import annotations

import threading
from fractions import Fraction

import pytest

from watchpost.clock import ManualClock
from watchpost.sources._pace import Pace
from watchpost.types import Packet, StreamInfo

STREAM = StreamInfo("h264", 64, 48, Fraction(1, 1000), Fraction(10))


def waits(*dts: int | None, busy_s: float = 0.0) -> list[float]:
    clock = ManualClock()
    pace = Pace(clock, threading.Event())
    for time in dts:
        pace.wait_for(Packet("door", STREAM, time, time, True, 1, 0.0, None))
        clock.advance(busy_s)
    return clock.waits_s


def test_waits_for_the_time_of_each_packet() -> None:
    assert waits(5000, 5040, 5100, 5100) == pytest.approx([0.04, 0.06])


def test_time_that_has_passed_is_not_waited_for_again() -> None:
    assert waits(0, 40, 80, 120, busy_s=0.03) == pytest.approx([0.01] * 3)
    assert waits(0, 40, 80, busy_s=0.05) == []


def test_without_times_it_goes_by_the_rate() -> None:
    assert waits(None, None, None) == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("leap", [-5000, 90_000_000])
def test_leaps_are_not_waited_for(leap: int) -> None:
    assert waits(0, 40, 40 + leap, 80 + leap) == pytest.approx([0.04, 0.04])


def test_closing_ends_the_wait() -> None:
    clock = ManualClock()
    closed = threading.Event()
    closed.set()
    pace = Pace(clock, closed)
    for time in (0, 40_000):
        pace.wait_for(Packet("door", STREAM, time, time, True, 1, 0.0, None))
    assert clock.waits_s == []
