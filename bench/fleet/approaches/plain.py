"""What people write: a `cv2.VideoCapture` thread a camera, the detector on each Nth frame.

At its best: frames between are grabbed and not converted to BGR, one decoder thread a camera (more cost more CPU a
frame), OpenCV's own threads off, one shared session, no more calls of it at once than there are cores. A capture of a
file, read at the camera's pace, stands in fairly for one of RTSP: the same decoder and conversion, a cheaper demuxer.
"""

from __future__ import annotations

import threading
import time
from typing import cast

import cv2

from watchpost.fleet.approaches._threads import run_threads
from watchpost.fleet.feed import Feed
from watchpost.fleet.stage import Limited, Stage, Watcher
from watchpost.picture import ArrayPicture
from watchpost.runtime.due import Due
from watchpost.types import BGR, Frame


def create(stage: Stage) -> Plain:
    """Ready to run."""
    return Plain(stage)


class Plain:
    """A thread a camera that grabs, decodes and detects."""

    def __init__(self, stage: Stage) -> None:
        cv2.setNumThreads(1)
        self._stage = stage
        self._detector = Limited(stage.detector(), stage.cores)
        self._captures = {feed.name: _opened(feed) for feed in stage.feeds}

    def run(self, stop: threading.Event) -> None:
        """Watch until told to stop."""
        run_threads(self._stage.feeds, self._watch, stop)

    def _watch(self, feed: Feed, stop: threading.Event) -> None:
        capture = self._captures[feed.name]
        watcher = Watcher(self._stage, feed, self._detector)
        is_due = Due(1 / self._stage.fps)
        index = 0
        while feed.wait_until(feed.captured_s(index / feed.camera.fps), stop):
            camera_time_s = index / feed.camera.fps
            if not capture.grab():  # the end of the file
                capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
                capture.grab()
            feed.tally.decoded += 1
            if is_due(camera_time_s):
                feed.tally.asked += 1
                _, bgr = capture.retrieve()
                picture = ArrayPicture(cast(BGR, bgr))
                watcher.analyse(Frame(feed.name, picture, camera_time_s, time.time(), index))
            index += 1


def _opened(feed: Feed) -> cv2.VideoCapture:
    settings = [cv2.CAP_PROP_N_THREADS, 1]
    capture = cv2.VideoCapture(str(feed.camera.path), cv2.CAP_FFMPEG, settings)
    if not capture.isOpened():
        raise ValueError(f"{feed.camera.path}: OpenCV can not open it")
    if feed.camera.offset_s:
        capture.set(cv2.CAP_PROP_POS_FRAMES, round(feed.camera.offset_s * feed.camera.fps))
    return capture
