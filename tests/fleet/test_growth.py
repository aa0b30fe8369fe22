"""Straight lines through runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchpost.fleet import growth
from watchpost.fleet.cameras import deal
from watchpost.fleet.clips import Clip
from watchpost.fleet.job import Job, Measured
from watchpost.fleet.outcome import Limits, Outcome, judge


def run(cameras: int, rss_mb: float, cpu_s: float, error: str | None = None) -> Outcome:
    job = Job("watchpost", deal([Clip(Path("one.mp4"), 60, 15, 2)], cameras), Path("model.onnx"))
    measured = Measured(seconds=10, cores=2, cpu_s=cpu_s, rss_empty_mb=50, rss_mb=rss_mb, error=error)
    return judge(job, measured, Limits(), None)


def test_a_line_is_found_with_its_constant() -> None:
    line = growth.fit([(10, 25.0), (50, 65.0), (100, 115.0)])
    assert line is not None
    assert (line.per_camera, line.constant, line.r2, line.runs) == pytest.approx((1.0, 15.0, 1.0, 3))


def test_what_is_no_line_has_a_low_r2() -> None:
    line = growth.fit([(10, 1.0), (20, 9.0), (30, 1.0)])
    assert line is not None
    assert line.r2 == pytest.approx(0.0, abs=1e-9)


def test_one_number_of_cameras_makes_no_line() -> None:
    assert growth.fit([(10, 1.0), (10, 2.0)]) is None


def test_memory_and_cpu_grow_over_the_runs_that_held() -> None:
    runs = [run(10, 170, 2.0), run(20, 190, 3.0), run(30, 900, 20.0, error="it hangs")]
    memory, cpu = growth.memory(runs), growth.cpu(runs)
    assert memory is not None
    assert cpu is not None
    assert (memory.per_camera, memory.constant) == pytest.approx((2.0, 100.0))
    assert (cpu.per_camera, cpu.constant) == pytest.approx((10.0, 100.0))  # ms of a core in each second
