"""Watchpost as it runs: the product's own cameras with ring and gate, all at one batcher."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import partial
from typing import Final

from watchpost.clock import SystemClock
from watchpost.config.gate import GateOptions
from watchpost.detectors import Detector
from watchpost.fleet.faults import FeedSource
from watchpost.fleet.feed import Feed
from watchpost.fleet.stage import Stage
from watchpost.pipeline import Analysed
from watchpost.runtime import reconnect
from watchpost.runtime.adaptive import AdaptiveOptions
from watchpost.runtime.batcher import Batcher
from watchpost.runtime.camera import Camera
from watchpost.runtime.intake import Intake
from watchpost.runtime.lane import Served
from watchpost.types import Packet
from watchpost.video.decoder import Decoder
from watchpost.video.stills import Stills

_COUNT_EVERY_S: Final = 0.2
_TEND_EVERY: Final = 5
_FIRST_RESTART_S: Final = 2.0
_LONGEST_RESTART_S: Final = 60.0


def create(stage: Stage) -> Watchpost:
    """Ready to run."""
    return Watchpost(stage)


class Watchpost:
    """The product's cameras and batcher, on the stage's packets."""

    def __init__(self, stage: Stage, adaptive: AdaptiveOptions | None = None) -> None:
        self._feeds = stage.feeds
        self._adaptive = adaptive
        self._clock = SystemClock()
        self._stills = Stills()
        detector = stage.detector()
        self._batcher = Batcher({"model": Served(detector)}, self._clock, workers=stage.cores)
        self._make = partial(self._camera, stage, detector)
        self._cameras = [self._make(feed) for feed in stage.feeds]
        self._starts = [1] * len(self._cameras)
        self._restart_at_s: dict[int, float] = {}

    def run(self, stop: threading.Event) -> None:
        """Watch until told to stop. Raises what ended a camera that has no fault of its own."""
        self._batcher.start()
        for camera in self._cameras:
            camera.start()
        looks = 0
        while not stop.wait(_COUNT_EVERY_S):
            self._count()
            looks += 1
            if looks % _TEND_EVERY == 0:
                self._batcher.tend()
                self._restart()
        for camera in self._cameras:
            camera.ask_to_stop()

    def _count(self) -> None:
        for feed, camera in zip(self._feeds, self._cameras, strict=True):
            if camera.error is not None and feed.camera.fault is None:
                raise camera.error
            feed.tally.decoded, feed.tally.dropped = camera.stats.decoded, camera.stats.dropped
            feed.tally.asked = camera.stats.frames + camera.stats.dropped

    def _restart(self) -> None:
        """Start faulty cameras that have ended again, as the supervisor does."""
        now_s = self._clock.monotonic_s()
        for number, camera in enumerate(self._cameras):
            if not camera.finished.is_set():
                continue
            delay_s = min(_LONGEST_RESTART_S, _FIRST_RESTART_S * 2.0 ** min(self._starts[number] - 1, 10))
            if now_s >= self._restart_at_s.setdefault(number, now_s + delay_s):
                del self._restart_at_s[number]
                camera.stop()
                self._cameras[number] = self._make(self._feeds[number])
                self._cameras[number].start()
                self._starts[number] += 1

    def _camera(self, stage: Stage, detector: Detector, feed: Feed) -> Camera:
        intake = Intake(Decoder(feed.name, stills=self._stills), self._clock, GateOptions())

        def packets(stop: threading.Event) -> Iterable[Packet]:
            return reconnect.packets(partial(FeedSource, feed), self._clock, stop)

        def note(result: Analysed) -> None:
            time_s = result.frame.camera_time_s
            last_wake = None if intake.gate is None else intake.gate.explain().last_wake
            is_backlog = last_wake is not None and time_s < last_wake[0]
            feed.tally.note_analysed(feed.captured_s(time_s), is_backlog=is_backlog)

        return Camera(
            feed.name,
            packets,
            intake,
            self._batcher.join(feed.name, "model", fps=stage.fps),
            stage.pipeline(feed, detector),
            on_frame=[note],
            on_events=[feed.tally.note_events],
            clock=self._clock,
            adaptive=self._adaptive,
        )
