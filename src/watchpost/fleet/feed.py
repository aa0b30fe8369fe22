"""A camera on the stage: its packets at the moments at which a real camera would send them, and its tally."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Final

from watchpost.clock import SystemClock
from watchpost.fleet.cameras import FleetCamera
from watchpost.fleet.tally import Tally
from watchpost.sources.looped import looped
from watchpost.types import Packet

_LONGEST_SLEEP_S: Final = 0.25
_LATE_S: Final = 0.5
"""A packet read this long after it was due counts as late."""


class Feed:
    """Plays one camera's clip round and round; its camera time starts at 0 and goes on.

    Stands in for an RTSP connection: what is due waits, as in the kernel's buffer, and is read late rather than lost.
    """

    def __init__(self, camera: FleetCamera) -> None:
        self.camera = camera
        self.name = camera.name
        self.tally = Tally()
        self._start_s = 0.0

    def begin(self, start_s: float) -> None:
        """Say when (on `time.monotonic`) the fleet starts, before anything is read."""
        self._start_s = start_s + self.camera.phase_s

    def captured_s(self, camera_time_s: float) -> float:
        """When, on `time.monotonic`, what the camera shows at this time of its own was before it."""
        return self._start_s + camera_time_s

    def camera_time_s(self, monotonic_s: float) -> float:
        """The camera's own time at a moment of `time.monotonic`."""
        return monotonic_s - self._start_s

    def wait_until(self, due_s: float, stop: threading.Event) -> bool:
        """Wait for a moment of `time.monotonic` and note that something was read; false when told to stop."""
        while (left_s := due_s - time.monotonic()) > 0:
            if stop.is_set():
                return False
            time.sleep(min(left_s, _LONGEST_SLEEP_S))  # half the price of `Event.wait`
        self.tally.packets += 1
        if left_s < -_LATE_S:
            self.tally.late += 1
        return not stop.is_set()

    def packets(self, stop: threading.Event) -> Iterator[Packet]:
        """The packets at their time, for a thread of its own."""
        for due_s, packet in self.due_packets():
            if not self.wait_until(due_s, stop):
                return
            yield packet

    def due_packets(self) -> Iterator[tuple[float, Packet]]:
        """The packets without waiting, each with the moment (on `time.monotonic`) at which it is due."""
        camera = self.camera
        packets = looped(camera.path, self.name, offset_s=camera.offset_s, round_s=camera.clip_s, clock=SystemClock())
        for packet in packets:
            yield self.captured_s(float((packet.dts or 0) * packet.stream.time_base)), packet


def in_due_order(feeds: Sequence[Feed], stop: threading.Event) -> Iterator[tuple[Feed, Packet]]:
    """The packets of all cameras at their time, for one thread that reads them all."""

    def of(feed: Feed, number: int) -> Iterator[tuple[float, int, Packet]]:
        for due_s, packet in feed.due_packets():
            yield due_s, number, packet

    merged = heapq.merge(*(of(feed, number) for number, feed in enumerate(feeds)), key=lambda each: each[:2])
    for due_s, number, packet in merged:
        feed = feeds[number]
        if not feed.wait_until(due_s, stop):
            return
        yield feed, packet
