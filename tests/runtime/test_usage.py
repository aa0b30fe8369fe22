"""What a server takes of its machine."""

from __future__ import annotations

from pathlib import Path

from watchpost.clock import ManualClock
from watchpost.runtime.usage import UsageMeter


def test_processor_time_is_by_the_clock_and_memory_is_there(tmp_path: Path) -> None:
    clock = ManualClock()
    meter = UsageMeter(clock, tmp_path)
    sum(number * number for number in range(2_000_000))
    clock.advance(0.01)
    found = meter.read()
    # a tenth of a second of work in a hundredth of the clock's: more than one core
    assert found["cpu_cores"] > 1
    assert found["machine_cpu_cores"] > 0
    assert 10 < found["memory_mb"] < 100_000
    assert 0 < found["machine_memory_used"] <= 1
    assert found["disk_free_gb"] > 0


def test_no_time_and_no_disk_are_left_out(tmp_path: Path) -> None:
    found = UsageMeter(ManualClock(), tmp_path / "gone").read()
    assert not {"cpu_cores", "disk_free_gb"} & found.keys()
