"""A detector plugin that finds the clock camera's square by its colour, exactly, and takes as long as a model would."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from bench.live_view.clock_camera import SIDE, TOP, WIDTH
from watchpost import options
from watchpost.options import Seconds
from watchpost.types import Detections, Frame


class Options(options.Options):
    """How long it takes."""

    confidence: float | None = None
    takes: Seconds = 0.03


class SquareDetector:
    name = "square"
    class_names = ("person",)

    def __init__(self, takes_s: float) -> None:
        self._takes_s = takes_s

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        time.sleep(self._takes_s)
        return [self._find(frame) for frame in frames]

    def close(self) -> None: ...

    def _find(self, frame: Frame) -> Detections:
        row = frame.picture.bgr()[TOP + SIDE // 2].astype(int)
        (columns,) = np.nonzero((row[:, 1] < 100) & (row[:, 0] > 140) & (row[:, 2] > 140))
        if len(columns) < SIDE // 2:
            return Detections.empty(frame.size, self.class_names)
        scale = frame.size[0] / WIDTH
        box = np.array([[columns[0], TOP * scale, columns[-1] + 1, (TOP + SIDE) * scale]], np.float32)
        return Detections(box, np.array([0.95]), np.array([0]), frame.size, self.class_names)


def create(options: Options) -> SquareDetector:
    return SquareDetector(options.takes)
