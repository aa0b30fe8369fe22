"""Counts that only rise become rates, also where a camera was started anew."""

from __future__ import annotations

import pytest

from watchpost.clock import ManualClock
from watchpost.recordings.recorder import RecorderFigures
from watchpost.runtime.figures import CameraFigures, Figures
from watchpost.runtime.rates import Rates


def camera(name: str, packets: int, analysed: int, recorded: int = 0) -> CameraFigures:
    recording = RecorderFigures(name, "continuous", "", True, recorded, 1, 0, 0, 0.0, "") if recorded else None
    return CameraFigures(name, packets, analysed * 2, analysed, 0, 0, 0, 0, 1, None, recording=recording)


def test_rates_are_what_was_added_by_the_time_that_passed() -> None:
    clock = ManualClock()
    rates = Rates(clock)
    batcher = {"detected": 100.0, "busy_s": 10.0, "workers": 2.0, "level": 1.0, "waiting": 3.0}
    first = rates.read(Figures((camera("a", 1000, 100, 5_000_000), camera("b", 500, 50)), batcher))
    assert first == {"cameras": 2.0, "load_level": 1.0, "waiting_frames": 3.0}
    clock.advance(60)
    # a goes on, b was started anew, c is new
    now = (camera("a", 1900, 400, 12_500_000), camera("b", 60, 6), camera("c", 30, 3))
    second = rates.read(Figures(now, batcher | {"detected": 700.0, "busy_s": 70.0}))
    assert second["packets_fps"] == pytest.approx((900 + 60 + 30) / 60)
    assert second["analysed_fps"] == pytest.approx((300 + 6 + 3) / 60)
    assert second["decoded_fps"] == pytest.approx(2 * (300 + 6 + 3) / 60)
    assert second["recorded_mbit"] == pytest.approx(7.5 * 8 / 60)
    assert second["detected_fps"] == pytest.approx(10.0)
    assert second["detector_busy"] == pytest.approx(0.5)
    assert second["cameras"] == 3
