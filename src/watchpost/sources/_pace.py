"""Plays packets at the speed at which they were recorded."""

from __future__ import annotations

import threading
from typing import Final

from watchpost.clock import Clock
from watchpost.types import Packet

_LARGEST_GAP_S: Final = 60.0
_USUAL_RATE: Final = 25
_SHORTEST_WAIT_S: Final = 0.001


class Pace:
    """Holds packets back until their decoding time has come; leaps of the timestamps are not waited for."""

    def __init__(self, clock: Clock, closed: threading.Event) -> None:
        self._clock = clock
        self._closed = closed
        self._start_s: float | None = None
        self._last_s = 0.0

    def wait_for(self, packet: Packet) -> None:
        """Wait until it is due; returns early when the source is closed."""
        ticks = packet.dts if packet.dts is not None else packet.pts
        if ticks is None:  # an elementary stream: by its rate
            due_s = self._last_s + float(1 / (packet.stream.average_rate or _USUAL_RATE))
        else:
            due_s = float(ticks * packet.stream.time_base)
        if self._start_s is None or not 0 <= due_s - self._last_s <= _LARGEST_GAP_S:
            self._start_s = self._clock.monotonic_s() - due_s
        self._last_s = due_s
        delay_s = self._start_s + due_s - self._clock.monotonic_s()
        if delay_s > _SHORTEST_WAIT_S:
            self._clock.wait(delay_s, self._closed)
