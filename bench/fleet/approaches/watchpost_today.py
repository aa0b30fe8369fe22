"""Watchpost without a gate: every frame decoded, pictures made on demand, all cameras call the one detector."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from bench.fleet.feed import Feed
from bench.fleet.stage import Stage
from watchpost.clock import SystemClock
from watchpost.detectors import Detector
from watchpost.pipeline import Analysed
from watchpost.runtime.camera import Camera
from watchpost.runtime.due import Due
from watchpost.types import Frame, Packet
from watchpost.video.decoder import Decoder
from watchpost.video.timestamps import mended


def create(stage: Stage) -> WatchpostToday:
    """Ready to run."""
    return WatchpostToday(stage)


class WatchpostToday:
    """The product's own cameras, on the stage's packets."""

    def __init__(self, stage: Stage) -> None:
        self._feeds = stage.feeds
        detector = stage.detector()
        self._cameras = [_camera(stage, feed, detector) for feed in stage.feeds]

    def run(self, stop: threading.Event) -> None:
        """Watch until told to stop. Raises what ended a camera."""
        for camera in self._cameras:
            camera.start()
        while not stop.wait(0.2):
            self._count()
        for camera in self._cameras:
            camera.ask_to_stop()

    def _count(self) -> None:
        for feed, camera in zip(self._feeds, self._cameras, strict=True):
            if camera.error is not None:
                raise camera.error
            feed.tally.dropped = camera.stats.dropped


def _camera(stage: Stage, feed: Feed, detector: Detector) -> Camera:
    def packets(stop: threading.Event) -> Iterable[Packet]:
        return mended(feed.packets(stop))

    def note(result: Analysed) -> None:
        feed.tally.note_analysed(feed.captured_s(result.frame.camera_time_s))

    return Camera(
        feed.name,
        packets,
        _CountingDecoder(feed, stage.fps),
        stage.pipeline(feed, detector),
        on_frame=[note],
        on_events=[feed.tally.note_events],
        clock=SystemClock(),
        max_fps=stage.fps,
    )


class _CountingDecoder:
    """The product's decoder; notes what came out of it, and what of that the camera will want."""

    def __init__(self, feed: Feed, fps: float) -> None:
        self._decoder = Decoder(feed.name)
        self._tally = feed.tally
        self._is_due = Due(1 / fps)

    def decode(self, packet: Packet) -> list[Frame]:
        """The frames that this packet completes."""
        return self._counted(self._decoder.decode(packet))

    def flush(self) -> list[Frame]:
        """The frames that were held back."""
        return self._counted(self._decoder.flush())

    def _counted(self, frames: list[Frame]) -> list[Frame]:
        self._tally.decoded += len(frames)
        self._tally.asked += sum(self._is_due(frame.camera_time_s) for frame in frames)
        return frames
