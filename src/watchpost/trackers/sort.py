"""SORT (Bewley et al. 2016, "Simple Online and Realtime Tracking"): a Kalman filter and one assignment by overlap."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from watchpost import options
from watchpost.geometry import box_iou
from watchpost.options import Fraction01, Seconds
from watchpost.trackers import Tracker
from watchpost.trackers.assignment import assign
from watchpost.trackers.tracks import Tracks
from watchpost.types import Detections


class Options(options.Options):
    """How SORT tracks. The paper's own choices are given where they differ."""

    minimum_confidence: Fraction01 = Field(0.5, description="Detections below this are not used.")
    minimum_iou: Fraction01 = Field(0.3, description="Overlap that a detection needs with its track.")
    confirm_hits: int = Field(2, ge=2, description="Detections in a row that make a new track sure (paper: 3).")
    patience: Seconds = Field(1.0, description="How long an unseen track is remembered (paper: 1 frame).")


def create(options: Options) -> Tracker:
    """A tracker for one camera."""
    return Sort(options)


class Sort:
    """See the module."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._tracks = Tracks()

    @property
    def minimum_confidence(self) -> float:
        """Run the detector at this confidence."""
        return self._options.minimum_confidence

    def reset(self) -> None:
        """Forget all tracks, and count from 1 again."""
        self._tracks = Tracks()

    def update(self, detections: Detections, time_s: float) -> Detections:
        """The confirmed objects that were detected, with `track_id` set and their boxes smoothed."""
        tracks, options = self._tracks, self._options
        tracks.advance(time_s)
        tracks.forget(options.patience)
        detections = detections[detections.confidence >= options.minimum_confidence]
        overlap = box_iou(tracks.xyxy, detections.xyxy.astype(np.float64))
        rows, columns = assign(np.where(tracks.may_match(detections), overlap, -np.inf), options.minimum_iou)
        row_of_detection = np.full(len(detections), -1, np.intp)
        row_of_detection[columns] = rows
        is_any = np.ones(len(detections), np.bool_)
        return tracks.commit(detections, row_of_detection, is_any, is_any, options.confirm_hits)
