"""Mending the identities that trackers break.

A tracker gives up an object that was hidden or missed for a while and gives it a new number when it is found
again. `Relinker` joins the two: a track that begins soon after another has ended, near enough to be the same
object, continues it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchpost.types import Detections

STRETCH: Final = 0.5
"""How far, in object sizes, a box's centre moves by being cut off or redrawn alone."""
SPEED: Final = 1.0
"""Object sizes per second that an unseen object may move: a brisk walk is 0.8 body heights per second."""


@dataclass(slots=True)
class _Seen:
    """Where and when an object was seen last; `xyxy` (4,) float32 in pixels."""

    track_id: int
    class_id: int
    xyxy: NDArray[np.float32]
    time_s: float


class Relinker:
    """Object numbers that outlive tracks; an unseen object is remembered for `memory_s` of camera time."""

    def __init__(self, memory_s: float) -> None:
        self._memory_s = memory_s
        self._objects: dict[int, _Seen] = {}
        self._object_of_track: dict[int, int] = {}
        self._next = 1

    def update(self, detections: Detections, time_s: float) -> NDArray[np.int64]:
        """The object number (N,) int64 of each detection; no number occurs twice in a frame.

        Raises `ValueError` when detections come without `track_id`.
        """
        if not len(detections):
            self._forget(time_s)
            return np.empty(0, np.int64)
        if detections.track_id is None:
            raise ValueError("rules need tracked objects: Detections.track_id is not set")
        self._forget(time_s)
        tracks = [int(track) for track in detections.track_id]
        objects = self._known(tracks)
        new = [row for row, number in enumerate(objects) if number == 0]
        for row, number in self._continued(detections, new, objects, time_s):
            objects[row] = number
        for row, track in enumerate(tracks):
            if objects[row] == 0:
                objects[row] = self._next
                self._next += 1
            self._object_of_track[track] = objects[row]
            self._objects[objects[row]] = _Seen(track, int(detections.class_id[row]), detections.xyxy[row], time_s)
        return np.array(objects, np.int64)

    def reset(self) -> None:
        """Forget all objects; numbers go on rising."""
        self._objects.clear()
        self._object_of_track.clear()

    def _known(self, tracks: list[int]) -> list[int]:
        """Each track's object, 0 where there is none: an object that is here under its newer track has only that."""
        here = set(tracks)
        numbers = []
        for track in tracks:
            number = self._object_of_track.get(track, 0)
            newest = self._objects[number].track_id if number else track
            numbers.append(0 if newest != track and newest in here else number)
        return numbers

    def _continued(
        self, detections: Detections, new: list[int], present: list[int], time_s: float
    ) -> list[tuple[int, int]]:
        """Pairs (row, object) of the new tracks that continue an unseen object, nearest first, each used once."""
        pairs = []
        for row in new:
            for number in self._objects.keys() - set(present):
                seen = self._objects[number]
                if seen.class_id != detections.class_id[row]:
                    continue
                distance = _distance(seen.xyxy, detections.xyxy[row])
                if distance <= STRETCH + SPEED * (time_s - seen.time_s):
                    pairs.append((distance, row, number))
        chosen: list[tuple[int, int]] = []
        for _, row, number in sorted(pairs):
            if all(row != other_row and number != other for other_row, other in chosen):
                chosen.append((row, number))
        return chosen

    def _forget(self, time_s: float) -> None:
        old = {number for number, seen in self._objects.items() if time_s - seen.time_s > self._memory_s}
        if old:
            self._objects = {n: seen for n, seen in self._objects.items() if n not in old}
            self._object_of_track = {t: n for t, n in self._object_of_track.items() if n not in old}


def _distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Between the centres of two boxes (4,), in units of the longest side of either."""
    size = max(float((box[2:] - box[:2]).max()) for box in (a, b))
    apart = (a[:2] + a[2:] - b[:2] - b[2:]) / 2
    return float(np.hypot(*apart)) / max(size, 1.0)
