"""The established recorders' way: decode every frame, look for motion in small pictures, detect where it moves.

At its best: no process and pipe a camera, one decoder thread, motion straight from the decoded luma at the analysis
rate (not on each frame), the clock masked, whole frames detected from YUV, one shared session.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import cv2

from bench.fleet.motion import Attention, Motion, small_grey
from watchpost.fleet.approaches._threads import run_threads
from watchpost.fleet.feed import Feed
from watchpost.fleet.stage import Limited, Stage, Watcher
from watchpost.runtime.due import Due
from watchpost.types import Packet
from watchpost.video.decoder import Decoder


def create(stage: Stage) -> DecodeAllMotion:
    """Ready to run."""
    return DecodeAllMotion(stage)


class DecodeAllMotion:
    """A thread a camera that decodes all, and detects while something moves."""

    def __init__(self, stage: Stage) -> None:
        cv2.setNumThreads(1)
        self._stage = stage
        self._detector = Limited(stage.detector(), stage.cores)

    def run(self, stop: threading.Event) -> None:
        """Watch until told to stop."""
        run_threads(self._stage.feeds, self._watch, stop)

    def _watch(self, feed: Feed, stop: threading.Event) -> None:
        decoder, motion, attention = Decoder(feed.name), Motion(), Attention()
        watcher = Watcher(self._stage, feed, self._detector)
        is_due = Due(1 / self._stage.fps)
        for packet in self._chosen(feed.packets(stop), attention):
            for frame in decoder.decode(packet):
                feed.tally.decoded += 1
                now_s = frame.camera_time_s
                if not is_due(now_s):
                    continue
                if motion.sees(small_grey(frame), now_s):
                    attention.renew(now_s)
                if attention.is_awake(now_s):
                    feed.tally.asked += 1
                    if len(watcher.analyse(frame)):
                        attention.renew(now_s)

    def _chosen(self, packets: Iterable[Packet], attention: Attention) -> Iterable[Packet]:  # noqa: ARG002 - others choose
        """The packets that are decoded: all."""
        return packets
