"""The injected clock: what reads the time or waits takes a `Clock`, so that its tests take no real time."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time, and waiting."""

    def wall_time_s(self) -> float:
        """Seconds since 1970-01-01 UTC."""

    def monotonic_s(self) -> float:
        """Seconds on a clock that never steps back."""

    def wait(self, seconds: float, until: threading.Event | None = None) -> bool:
        """Wait; true at once if `until` is or becomes set, false when the seconds have passed."""


class SystemClock:
    """This machine's clock."""

    def wall_time_s(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()

    def monotonic_s(self) -> float:
        """Seconds on a clock that never steps back."""
        return time.monotonic()

    def wait(self, seconds: float, until: threading.Event | None = None) -> bool:
        """Wait; true at once if `until` is or becomes set, false when the seconds have passed."""
        if until is not None:
            return until.wait(max(0.0, seconds))
        time.sleep(max(0.0, seconds))
        return False


class ManualClock:
    """A clock for tests: it moves only when told to, or by as much as somebody waits."""

    def __init__(self, wall_time_s: float = 1_700_000_000.0) -> None:
        self._start_wall_time_s = wall_time_s
        self._elapsed_s = 0.0
        self.waits_s: list[float] = []

    def wall_time_s(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self._start_wall_time_s + self._elapsed_s

    def monotonic_s(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._elapsed_s += seconds

    def wait(self, seconds: float, until: threading.Event | None = None) -> bool:
        """Move on by `seconds` at once, and note the wait in `waits_s`."""
        if until is not None and until.is_set():
            return True
        self.waits_s.append(seconds)
        self.advance(max(0.0, seconds))
        return False
