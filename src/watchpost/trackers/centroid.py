"""The simplest tracker: an object is the nearest one of its class in the frame before. A baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from watchpost import options
from watchpost.options import Fraction01, Seconds
from watchpost.trackers import Tracker
from watchpost.trackers.assignment import assign
from watchpost.trackers.kalman import center_size
from watchpost.trackers.tracks import Rows, Tracks
from watchpost.types import Detections


class Options(options.Options):
    """How the centroid tracker tracks."""

    minimum_confidence: Fraction01 = Field(0.5, description="Detections below this are not used.")
    maximum_distance: float = Field(
        1.0, gt=0, description="How far a centre may move between frames, in sizes (square root of the area)."
    )
    confirm_hits: int = Field(2, ge=2, description="Detections in a row that make a new track sure.")
    patience: Seconds = Field(1.0, description="How long a track that is not detected is remembered.")


def create(options: Options) -> Tracker:
    """A tracker for one camera."""
    return Centroid(options)


class LastSeen:
    """A `Motion` without motion: objects are where they were last seen."""

    def __init__(self) -> None:
        self.position: NDArray[np.float64] = np.empty((0, 4))

    def add(self, position: NDArray[np.float64]) -> None:
        """New rows at the end for boxes (M, 4)."""
        self.position = np.concatenate([self.position, position])

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Remove the rows that are false in the mask (N,)."""
        self.position = self.position[rows]

    def predict(self, elapsed_s: float) -> None:
        """Nothing moves."""

    def correct(self, rows: Rows, measured: NDArray[np.float64]) -> None:
        """The rows (M,) are where they were measured."""
        self.position[rows] = measured


class Centroid:
    """See the module."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._tracks = Tracks(LastSeen())

    @property
    def minimum_confidence(self) -> float:
        """Run the detector at this confidence."""
        return self._options.minimum_confidence

    def reset(self) -> None:
        """Forget all tracks, and count from 1 again."""
        self._tracks = Tracks(LastSeen())

    def update(self, detections: Detections, time_s: float) -> Detections:
        """The confirmed objects that were detected, with `track_id` set and their boxes as detected."""
        tracks, options = self._tracks, self._options
        tracks.advance(time_s)
        tracks.forget(options.patience)
        detections = detections[detections.confidence >= options.minimum_confidence]
        here, there = tracks.motion.position, center_size(detections.xyxy)
        distance = np.linalg.norm(here[:, None, :2] - there[None, :, :2], axis=2)
        reach = options.maximum_distance * np.sqrt(np.maximum(here[:, 2] * here[:, 3], 1.0))
        nearness = np.where(tracks.may_match(detections), 1.0 - distance / reach[:, None], -np.inf)
        rows, columns = assign(nearness, 0.0)
        row_of_detection = np.full(len(detections), -1, np.intp)
        row_of_detection[columns] = rows
        is_any = np.ones(len(detections), np.bool_)
        return tracks.commit(detections, row_of_detection, is_any, is_any, options.confirm_hits)
