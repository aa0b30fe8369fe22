"""ByteTrack (Zhang et al. 2022, "Multi-Object Tracking by Associating Every Detection Box", algorithm 1).

Sure detections are matched first; what is left of the tracks in sight is then matched with the unsure ones,
which are mostly people half hidden. No track is told of without a sure detection, so false alarms stay out.

Beyond the paper: an unsure detection may start a track, which waits for a sure one as long as it is detected without
a gap. Who comes in by the edge of the picture is half hidden at first: so the track knows when it really began
(`Detections.since_s`), and is confirmed as soon as it is sure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from watchpost import options
from watchpost.options import Fraction01, Seconds
from watchpost.trackers import Tracker
from watchpost.trackers.assignment import assign, distance_iou
from watchpost.trackers.tracks import Tracks
from watchpost.types import Detections

Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]


class Options(options.Options):
    """How ByteTrack tracks."""

    minimum_confidence: Fraction01 = Field(0.1, description="Detections below this are not used at all.")
    high_confidence: Fraction01 = Field(0.5, description="Detections from here on are sure: matched first.")
    new_confidence: Fraction01 = Field(0.7, description="A new track needs one detection from here on.")
    start_confidence: Fraction01 = Field(0.3, description="A detection from here on may be the first of its track.")
    minimum_overlap: float = Field(
        -0.1, ge=-1, le=1, description="Distance-IoU that a sure detection needs with its track, -1 to 1."
    )
    minimum_overlap_unsure: float = Field(
        0.5, ge=-1, le=1, description="Distance-IoU that an unsure detection needs with its track, -1 to 1."
    )
    minimum_overlap_new: float = Field(
        0.2, ge=-1, le=1, description="The same for an unsure detection and a track that is not confirmed yet."
    )
    confirm_hits: int = Field(2, ge=2, description="Detections in a row that make a new track sure.")
    patience: Seconds = Field(2.0, description="How long a track that is not detected is remembered.")


def create(options: Options) -> Tracker:
    """A tracker for one camera."""
    return ByteTrack(options)


class ByteTrack:
    """See the module."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._tracks = Tracks()

    @property
    def minimum_confidence(self) -> float:
        """Run the detector at this confidence: the unsure detections are half of the method."""
        return self._options.minimum_confidence

    def reset(self) -> None:
        """Forget all tracks, and count from 1 again."""
        self._tracks = Tracks()

    def update(self, detections: Detections, time_s: float) -> Detections:
        """The confirmed objects that were detected, with `track_id` set and their boxes smoothed."""
        tracks, options = self._tracks, self._options
        tracks.advance(time_s)
        tracks.forget(options.patience)
        is_sure = detections.confidence >= options.new_confidence
        may_start = is_sure | (detections.confidence >= options.start_confidence)
        return tracks.commit(detections, self._associate(detections), may_start, is_sure, options.confirm_hits)

    def _associate(self, detections: Detections) -> Rows:
        """The row of the track of each detection (N,), -1 where it has none."""
        tracks, options = self._tracks, self._options
        row_of_detection = np.full(len(detections), -1, np.intp)
        overlap = distance_iou(tracks.xyxy, detections.xyxy.astype(np.float64))
        similarity = np.where(tracks.may_match(detections), overlap, -np.inf)
        is_free = np.ones(len(tracks), np.bool_)

        def match(row_mask: Mask, detection_mask: Mask, minimum: float) -> None:
            rows, columns = np.flatnonzero(row_mask & is_free), np.flatnonzero(detection_mask)
            i, j = assign(similarity[np.ix_(rows, columns)], minimum)
            row_of_detection[columns[j]] = rows[i]
            is_free[rows[i]] = False

        is_sure = detections.confidence >= options.high_confidence
        is_unsure = ~is_sure & (detections.confidence >= options.minimum_confidence)
        confirmed = tracks.is_confirmed
        match(confirmed, is_sure, options.minimum_overlap)
        match(confirmed & tracks.is_seen, is_unsure, options.minimum_overlap_unsure)
        match(~confirmed, is_sure & (row_of_detection < 0), options.minimum_overlap)
        may_start = is_unsure & (detections.confidence >= options.start_confidence)
        match(~confirmed, may_start & (row_of_detection < 0), options.minimum_overlap_new)
        return row_of_detection
