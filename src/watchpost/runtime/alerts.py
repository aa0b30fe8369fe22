"""What is wrong with the recordings: in the log, for who reads that, and as events of the server, for all others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from watchpost.clock import Clock
from watchpost.runtime.system_events import disk_full, recording_failed, recording_recovered
from watchpost.telemetry import redacted
from watchpost.types import Event

_LOG: Final = logging.getLogger(__name__)
FULL_EVERY_S: Final = 600.0
"""A disk stays full for long; so often an event says so, with all that was deleted since the last one."""


class Alerts:
    """Tells of recordings that fail and come back, from any thread. A problem is told once until it is over."""

    def __init__(self, clock: Clock, on_event: Callable[[Event], None]) -> None:
        self._clock = clock
        self._on_event = on_event
        self._lock = threading.Lock()
        self._problems: dict[str, str] = {}
        self._freed_bytes = 0
        self._told_full_s = float("-inf")

    def problem(self, camera: str, problem: str) -> None:
        """A camera is not recorded; with an empty text, it is recorded again."""
        with self._lock:
            before = self._problems.pop(camera, "")
            if problem:
                self._problems[camera] = problem
        if problem == before:
            return
        if problem:
            _LOG.error("ALERT %s: is not recorded: %s", camera, problem)
            if not before:
                self._on_event(recording_failed(camera, self._clock.wall_time_s(), redacted(problem)))
        else:
            _LOG.warning("%s: is recorded again", camera)
            self._on_event(recording_recovered(camera, self._clock.wall_time_s()))

    def full(self, freed: int) -> None:
        """The disk is full, and so many bytes of the oldest recordings had to go."""
        _LOG.error(
            "ALERT the disk is full: %.1f MB of the oldest recordings were deleted before their time", freed / 1e6
        )
        with self._lock:
            self._freed_bytes += freed
            now_s = self._clock.monotonic_s()
            if now_s - self._told_full_s < FULL_EVERY_S:
                return
            self._told_full_s, total, self._freed_bytes = now_s, self._freed_bytes, 0
        self._on_event(disk_full(self._clock.wall_time_s(), total))
