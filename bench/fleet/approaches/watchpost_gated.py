"""Watchpost's ring and gate: single key frames while nothing happens; on waking, back to the last quiet one.

A thread a camera that calls the detector itself, as in the baselines, so that the difference is the gate alone.
"""

from __future__ import annotations

import threading
from typing import Final, cast

from bench.fleet.approaches._threads import run_threads
from bench.fleet.feed import Feed
from bench.fleet.stage import Limited, Stage, Watcher
from watchpost.config.gate import GateOptions
from watchpost.runtime.due import Due
from watchpost.types import Frame
from watchpost.video.decoder import AvPicture, Decoder
from watchpost.video.gate import Gate
from watchpost.video.picture_change import COLUMNS, ROWS
from watchpost.video.ring import Ring
from watchpost.video.timestamps import mended

_RING_BYTES: Final = 16 << 20
_RING_S: Final = 10.0
_GLANCE_S: Final = 10.0
"""While asleep, the detector is shown a key frame this often: somebody who stands still is found by that alone."""
_SURE: Final = 0.6
"""Confidence from which on what it finds there counts: trackers, too, are surer of nothing less."""


def create(stage: Stage) -> WatchpostGated:
    """Ready to run."""
    return WatchpostGated(stage)


class WatchpostGated:
    """A thread a camera: ring, gate, decoder, detector."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._detector = Limited(stage.detector(), stage.cores)

    def run(self, stop: threading.Event) -> None:
        """Watch until told to stop."""
        run_threads(self._stage.feeds, self._watch, stop)

    def _watch(self, feed: Feed, stop: threading.Event) -> None:
        ring = Ring(_RING_BYTES, _RING_S)
        gate, decoder = Gate(GateOptions(), ring), Decoder(feed.name)
        watcher = Watcher(self._stage, feed, self._detector)
        is_due, is_glance_due = Due(1 / self._stage.fps), Due(_GLANCE_S)
        for packet in mended(feed.packets(stop)):
            ring.add(packet)
            work = gate.admit(packet)
            for frame in work.frames(decoder):
                feed.tally.decoded += 1
                now_s = frame.camera_time_s
                if gate.wants_picture(now_s):
                    gate.see_picture(now_s, cast(AvPicture, frame.picture).grey(COLUMNS, ROWS))
                if work.is_alone:
                    if is_glance_due(now_s):
                        gate.see_objects(now_s, self._people(frame))
                elif is_due(now_s):
                    feed.tally.asked += 1
                    found = watcher.analyse(frame, is_backlog=work.known_until_s is not None)
                    gate.see_objects(now_s, len(found))

    def _people(self, frame: Frame) -> int:
        """How many people the detector sees in a frame that is not analysed further."""
        found = self._detector.detect([frame])[0].of_classes(frozenset({"person"}))
        return int((found.confidence >= _SURE).sum())
