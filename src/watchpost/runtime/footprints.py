"""Where people stand and walk in a camera's picture: a small grid for each camera and hour, counted frame by frame.

A cell holds seconds: for each tracked object, the time since the camera's analysed frame before, at most a second.
So the map does not depend on the rate of analysis, which changes with what goes on and with the load.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchpost.types import Detections, Frame

COLUMNS: Final = 48
ROWS: Final = 27
HOUR_S: Final = 3600
_MOST_WAITING: Final = 2000
"""Grids that wait for whoever takes them; then the oldest give way."""
_LONGEST_S: Final = 1.0
"""A camera that slept knows nothing of the time between: its first frame counts no more than this."""

Grid = NDArray[np.float32]
"""(27, 48) float32: seconds that objects stood in each cell of the picture, from its left upper corner on."""


@dataclass(frozen=True, slots=True, eq=False)
class Footprint:
    """The grid of a camera for an hour, or a part of it."""

    camera: str
    hour_s: int
    """When the hour began, in seconds since 1970-01-01 UTC."""
    seconds: Grid


class Footprints:
    """Takes frames and grids in, from any thread, until somebody takes the sums away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[tuple[str, int], Grid] = {}
        self._last_s: dict[str, float] = {}

    def see(self, frame: Frame, detections: Detections) -> None:
        """Count the objects of a camera's analysed frame: some microseconds, less where there are none."""
        time_s = frame.camera_time_s
        last_s, self._last_s[frame.camera] = self._last_s.get(frame.camera), time_s
        if not len(detections):
            return
        is_new = last_s is None or frame.is_discontinuous
        passed_s = _LONGEST_S if is_new else min(max(time_s - (last_s or 0.0), 0.0), _LONGEST_S)
        width, height = detections.frame_size
        with self._lock:
            grid = self._sum(frame.camera, frame.wall_time_s)
            # a few objects: faster one by one than by whole arrays
            for left, _, right, bottom in detections.xyxy.tolist():
                column = min(max(int((left + right) / 2 * COLUMNS / width), 0), COLUMNS - 1)
                row = min(max(int(bottom * ROWS / height), 0), ROWS - 1)
                grid[row, column] += passed_s

    def add(self, footprint: Footprint) -> None:
        """Take in a grid that another process has counted."""
        with self._lock:
            self._sum(footprint.camera, footprint.hour_s)[...] += footprint.seconds

    def take(self) -> list[Footprint]:
        """All that was counted since the last time."""
        with self._lock:
            sums, self._sums = self._sums, {}
        return [Footprint(camera, hour_s, seconds) for (camera, hour_s), seconds in sums.items()]

    def _sum(self, camera: str, wall_time_s: float) -> Grid:
        hour_s = int(wall_time_s // HOUR_S) * HOUR_S
        found = self._sums.get((camera, hour_s))
        if found is None:
            if len(self._sums) >= _MOST_WAITING:
                del self._sums[next(iter(self._sums))]
            found = self._sums[camera, hour_s] = np.zeros((ROWS, COLUMNS), np.float32)
        return found
