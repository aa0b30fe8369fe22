"""Watchpost as it runs: the product's own cameras with ring and gate, all at one batcher."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from watchpost.clock import SystemClock
from watchpost.config.gate import GateOptions
from watchpost.detectors import Detector
from watchpost.fleet.feed import Feed
from watchpost.fleet.stage import Stage
from watchpost.pipeline import Analysed
from watchpost.runtime.batcher import Batcher
from watchpost.runtime.camera import Camera
from watchpost.runtime.intake import Intake
from watchpost.runtime.lane import Served
from watchpost.types import Packet
from watchpost.video.decoder import Decoder
from watchpost.video.timestamps import mended

_COUNT_EVERY_S: Final = 0.2
_TEND_EVERY: Final = 5


def create(stage: Stage) -> Watchpost:
    """Ready to run."""
    return Watchpost(stage)


class Watchpost:
    """The product's cameras and batcher, on the stage's packets."""

    def __init__(self, stage: Stage) -> None:
        self._feeds = stage.feeds
        self._clock = SystemClock()
        detector = stage.detector()
        self._batcher = Batcher({"model": Served(detector)}, self._clock, workers=stage.cores)
        self._cameras = [self._camera(stage, feed, detector) for feed in stage.feeds]

    def run(self, stop: threading.Event) -> None:
        """Watch until told to stop. Raises what ended a camera."""
        self._batcher.start()
        for camera in self._cameras:
            camera.start()
        looks = 0
        while not stop.wait(_COUNT_EVERY_S):
            self._count()
            looks += 1
            if looks % _TEND_EVERY == 0:
                self._batcher.tend()
        for camera in self._cameras:
            camera.ask_to_stop()

    def _count(self) -> None:
        for feed, camera in zip(self._feeds, self._cameras, strict=True):
            if camera.error is not None:
                raise camera.error
            feed.tally.decoded, feed.tally.dropped = camera.stats.decoded, camera.stats.dropped
            feed.tally.asked = camera.stats.frames + camera.stats.dropped

    def _camera(self, stage: Stage, feed: Feed, detector: Detector) -> Camera:
        intake = Intake(Decoder(feed.name), self._clock, GateOptions())

        def packets(stop: threading.Event) -> Iterable[Packet]:
            return mended(feed.packets(stop))

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
        )
