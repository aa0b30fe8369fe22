"""How often a camera should be analysed, from what its tracker says: less while all tracks go their steady way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from watchpost.geometry import box_iou
from watchpost.options import Fraction01, Seconds, Settings
from watchpost.types import Detections


class AdaptiveOptions(Settings):
    """Between which rates, and how careful."""

    full_fps: float = Field(default=5.0, gt=0)
    """Analysed frames a second while something is new or lost, and while nobody is in view."""
    least_fps: float = Field(default=2.0, gt=0)
    """Analysed frames a second while every track stands still. An object that comes in meanwhile is seen 1 / least_fps
    later at the most."""
    largest_step: float = Field(default=0.5, gt=0, le=1)
    """How far an object may move from one analysed frame to the next, in sides of its box."""
    sure_confidence: Fraction01 = 0.5
    """A detection from here on that belongs to no track is something new."""
    hold: Seconds = 0.5
    """How long the full rate is kept after something was new or lost."""
    quiet_after: Seconds = 5.0
    """A camera that has seen nothing for so long is quiet: it gives up its rate first when there is too much to do."""

    @model_validator(mode="after")
    def _in_order(self) -> AdaptiveOptions:
        if self.least_fps > self.full_fps:
            raise ValueError("least_fps must not be above full_fps")
        return self


@dataclass(frozen=True, slots=True)
class Wish:
    """What a camera wants of a shared detector."""

    fps: float
    """Analysed frames per second of camera time; infinite for all."""
    is_quiet: bool = False
    """Nothing is going on: its rate may be lowered first."""


class AdaptiveRate:
    """One camera's wish, frame by frame. Pure: it counts in camera time alone."""

    def __init__(self, options: AdaptiveOptions) -> None:
        self._options = options
        self._before: Detections | None = None
        self._before_s = float("-inf")
        self._full_until_s = float("-inf")
        self._something_s: float | None = None

    def see(self, found: Detections, tracked: Detections, camera_time_s: float) -> Wish:
        """The wish after a frame in which the detector found `found` and the tracker confirmed `tracked`."""
        options = self._options
        sides_per_s = 0.0
        if self._has_changed(found, tracked):
            self._full_until_s = camera_time_s + options.hold
        elif self._before is not None and len(tracked):
            sides_per_s = _fastest(self._before, tracked) / max(camera_time_s - self._before_s, 1e-6)
        if len(tracked) or self._something_s is None or len(_untracked(found, tracked, options.sure_confidence)):
            self._something_s = camera_time_s
        self._before, self._before_s = tracked, camera_time_s
        if not len(tracked) or camera_time_s < self._full_until_s:
            fps = options.full_fps
        else:
            fps = float(np.clip(sides_per_s / options.largest_step, options.least_fps, options.full_fps))
        return Wish(fps, is_quiet=camera_time_s - self._something_s >= options.quiet_after)

    def _has_changed(self, found: Detections, tracked: Detections) -> bool:
        """Whether a track is new or lost, or somebody is there who has no track yet."""
        before = set() if self._before is None or self._before.track_id is None else set(self._before.track_id.tolist())
        now = set() if tracked.track_id is None else set(tracked.track_id.tolist())
        return now != before or len(_untracked(found, tracked, self._options.sure_confidence)) > 0


def _untracked(found: Detections, tracked: Detections, sure_confidence: float) -> Detections:
    """The sure detections that are no tracked object."""
    sure = found[found.confidence >= sure_confidence]
    if not len(sure) or not len(tracked):
        return sure
    overlap: NDArray[np.floating] = box_iou(sure.xyxy, tracked.xyxy)
    return sure[overlap.max(axis=1) < 0.3]


def _fastest(before: Detections, now: Detections) -> float:
    """How far the fastest of the tracks, the same in both, has moved or grown, in sides of its box."""
    assert before.track_id is not None  # noqa: S101 - the caller compared them
    assert now.track_id is not None  # noqa: S101
    a, b = before.xyxy[np.argsort(before.track_id)], now.xyxy[np.argsort(now.track_id)]
    side = np.sqrt(np.maximum((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]), 1.0))
    return float((np.abs(b - a).max(axis=1) / side).max())
