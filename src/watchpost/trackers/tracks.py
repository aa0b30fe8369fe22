"""What a tracker knows about its objects, as a struct of arrays: rows live and die together."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from watchpost.trackers.kalman import BoxKalman, center_size, corners
from watchpost.types import Detections

Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]

UNCONFIRMED: Final = 0
"""The `id` of a track that may yet prove to be nothing; it gets its number when it is confirmed."""
_LONGEST_DOUBT_S: Final = 1.0
"""A track that is confirmed later than this after its first detection began no earlier than so long before: what was
there until then was something else, such as a coat on a hook that somebody walks in front of."""


class Motion(Protocol):
    """Where N objects are, and where they will be. Boxes are centre x, centre y, width, height in pixels."""

    position: NDArray[np.float64]
    """(N, 4) boxes."""

    def add(self, position: NDArray[np.float64]) -> None:
        """New rows at the end for boxes (M, 4)."""

    def keep(self, rows: Mask) -> None:
        """Remove the rows that are false in the mask (N,)."""

    def predict(self, elapsed_s: float) -> None:
        """Move all boxes on by `elapsed_s` seconds."""

    def correct(self, rows: Rows, measured: NDArray[np.float64]) -> None:
        """Correct the rows (M,) by the boxes (M, 4) measured for them."""


class Tracks:
    """The tracks of one tracker: N rows over all arrays."""

    def __init__(self, motion: Motion | None = None) -> None:
        self.motion: Motion = BoxKalman() if motion is None else motion
        self.id: NDArray[np.int64] = np.empty(0, np.int64)
        self.class_id: NDArray[np.int32] = np.empty(0, np.int32)
        self.hits: NDArray[np.int64] = np.empty(0, np.int64)
        """(N,): detections so far."""
        self.is_sure: Mask = np.empty(0, np.bool_)
        """(N,): one of its detections was sure enough for a track."""
        self.since_s: NDArray[np.float64] = np.empty(0)
        """(N,): camera time of the first detection, in seconds."""
        self.seen_s: NDArray[np.float64] = np.empty(0)
        """(N,): camera time of the last detection, in seconds."""
        self.is_seen: Mask = np.empty(0, np.bool_)
        """(N,): detected in the last frame."""
        self.time_s: float | None = None
        """Camera time of the last frame, in seconds."""
        self._last_id = 0

    def __len__(self) -> int:
        return len(self.id)

    @property
    def xyxy(self) -> NDArray[np.float64]:
        """(N, 4): the filtered, or since the last detection predicted, boxes in pixels."""
        return corners(self.motion.position)

    @property
    def is_confirmed(self) -> Mask:
        """(N,): has a number."""
        return np.asarray(self.id != UNCONFIRMED)

    def advance(self, time_s: float) -> None:
        """Predict all tracks to camera time `time_s`; raises `ValueError` when it steps back or is not finite."""
        if not math.isfinite(time_s) or (self.time_s is not None and time_s < self.time_s):
            raise ValueError(
                f"time_s: expected a time at or after {self.time_s} s, got {time_s}; reset() starts afresh"
            )
        self.motion.predict(0.0 if self.time_s is None else time_s - self.time_s)
        self.time_s = time_s

    @property
    def unseen_s(self) -> NDArray[np.float64]:
        """(N,): seconds since each was last detected."""
        return (self.time_s or 0.0) - self.seen_s

    def forget(self, patience_s: float) -> None:
        """Forget the tracks that have not been detected for longer than `patience_s` seconds."""
        self.keep(self.unseen_s <= patience_s)

    def may_match(self, detections: Detections) -> Mask:
        """(N, D): track and detection are of the same class."""
        return np.asarray(self.class_id[:, None] == detections.class_id)

    def commit(
        self, detections: Detections, row_of_detection: Rows, may_start: Mask, is_sure: Mask, confirm_hits: int
    ) -> Detections:
        """Take in a frame whose objects are found; returns the confirmed of them, numbered.

        `row_of_detection` (D,) is the row of the track of each detection, -1 where it has none; such a
        detection starts an unconfirmed track where `may_start` (D,) is true. A track is confirmed when it has
        `confirm_hits` detections and one of them `is_sure` (D,), and forgotten when it misses one before. The boxes
        are midway between the detected and the filtered ones: the filter is stiff, which is good for telling
        objects apart, and alone it lags behind who turns or stops.
        """
        found = np.flatnonzero(row_of_detection >= 0)
        rows = row_of_detection[found]
        self.motion.correct(rows, center_size(detections.xyxy[found]))
        self.hits[rows] += 1
        self.seen_s[rows] = self.time_s
        self.is_seen[:] = False
        self.is_seen[rows] = True
        self.is_sure[rows] |= is_sure[found]
        self._confirm(rows[self.is_sure[rows] & (self.hits[rows] >= confirm_hits)])
        xyxy = ((corners(self.motion.position[rows]) + detections.xyxy[found]) / 2).astype(np.float32)
        tracked = replace(detections[found], track_id=self.id[rows], since_s=self.since_s[rows], xyxy=xyxy)
        tracked = tracked[self.is_confirmed[rows]]
        self.keep(self.is_confirmed | self.is_seen)
        is_new = may_start & (row_of_detection < 0)
        self._start(detections[is_new], is_sure[is_new])
        return tracked

    def _confirm(self, rows: Rows) -> None:
        """Number the unconfirmed among `rows` (M,), in their order."""
        new = rows[self.id[rows] == UNCONFIRMED]
        self.id[new] = np.arange(self._last_id + 1, self._last_id + 1 + len(new))
        self._last_id += len(new)
        self.since_s[new] = np.maximum(self.since_s[new], (self.time_s or 0.0) - _LONGEST_DOUBT_S)

    def _start(self, detections: Detections, is_sure: Mask) -> None:
        """Begin an unconfirmed track for each of the detections, at the end of the rows."""
        count = len(detections)
        if count == 0:
            return
        self.motion.add(center_size(detections.xyxy))
        self.id = np.concatenate([self.id, np.full(count, UNCONFIRMED, np.int64)])
        self.class_id = np.concatenate([self.class_id, detections.class_id])
        self.hits = np.concatenate([self.hits, np.ones(count, np.int64)])
        self.is_sure = np.concatenate([self.is_sure, is_sure])
        self.since_s = np.concatenate([self.since_s, np.full(count, self.time_s)])
        self.seen_s = np.concatenate([self.seen_s, np.full(count, self.time_s)])
        self.is_seen = np.concatenate([self.is_seen, np.ones(count, np.bool_)])

    def keep(self, rows: Mask) -> None:
        """Forget the tracks that are false in the mask (N,)."""
        if rows.all():
            return
        self.motion.keep(rows)
        self.id, self.class_id = self.id[rows], self.class_id[rows]
        self.hits, self.is_sure, self.is_seen = self.hits[rows], self.is_sure[rows], self.is_seen[rows]
        self.since_s, self.seen_s = self.since_s[rows], self.seen_s[rows]
