"""The adaptive way: key frames alone while the scene is quiet, all frames from a key frame that shows a change.

Without a ring and without packet sizes: what came between two key frames before the change is not seen. At its best:
the key frame that wakes is analysed itself and decoding goes on from it, and all else is as in `decode_all_motion`.
"""

from __future__ import annotations

import threading

import cv2

from bench.fleet.approaches._threads import run_threads
from bench.fleet.feed import Feed
from bench.fleet.motion import Attention, Motion, small_grey
from bench.fleet.stage import Limited, Stage, Watcher
from watchpost.runtime.due import Due
from watchpost.video.decoder import Decoder


def create(stage: Stage) -> KeyFramesUntilMotion:
    """Ready to run."""
    return KeyFramesUntilMotion(stage)


class KeyFramesUntilMotion:
    """A thread a camera that decodes key frames, or all while something moves."""

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
        is_decoding = False
        for packet in feed.packets(stop):
            is_decoding = packet.is_key or (is_decoding and attention.is_awake(packet.camera_time_s or 0.0))
            for frame in decoder.decode(packet) if is_decoding else ():
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
