"""Giving the same object the same number from frame to frame. Two methods are the whole interface."""

from __future__ import annotations

from typing import Protocol

from watchpost.types import Detections


class Tracker(Protocol):
    """The tracks of one camera. Numbers count from 1, rise as tracks come up, and belong to this tracker alone."""

    @property
    def minimum_confidence(self) -> float:
        """The least confidence, 0-1, of a detection that it can use: what to run the detector at."""

    def update(self, detections: Detections, time_s: float) -> Detections:
        """The confirmed objects of this frame with `track_id` and `since_s` set, in no set order.

        `time_s` is camera time; it may advance unevenly but not step back.
        Raises `ValueError` when time steps back or is not finite.
        """

    def reset(self) -> None:
        """Forget all tracks, and count from 1 again."""
