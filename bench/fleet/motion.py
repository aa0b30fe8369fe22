"""Motion in pixels, as established recorders find it: a small grey picture against its running average."""

from __future__ import annotations

import math
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from watchpost.types import Frame
from watchpost.video.decoder import AvPicture

Grey = NDArray[np.uint8]
"""(H, W) uint8."""

_WIDTH: Final = 320
_CHANGE: Final = 20
"""Grey levels, after the blur."""
_LEAST_BLOB: Final = 15
"""Pixels of the small picture that hang together: less than somebody 40 pixels high in 720."""
_MEMORY_S: Final = 5.0
"""Time constant of the running average."""
_CLOCK_STRIP: Final = 1 / 15
"""Share of the picture's height, from the top, that is not looked at: recorders tell their users to mask clocks."""


def small_grey(frame: Frame) -> Grey:
    """The grey picture of a decoded frame, `_WIDTH` pixels wide, straight from the decoder's luma."""
    width, height = frame.size
    return cast(AvPicture, frame.picture).grey(_WIDTH, round(height * _WIDTH / width))


class Motion:
    """Whether something moves in one camera's pictures."""

    def __init__(self) -> None:
        self._average: NDArray[np.float32] | None = None
        self._last_s = 0.0

    def sees(self, grey: Grey, camera_time_s: float) -> bool:
        """Take in a picture; true if a part of it differs from what was there lately."""
        blurred = cv2.blur(grey[round(len(grey) * _CLOCK_STRIP) :], (3, 3))
        if self._average is None:
            self._average = blurred.astype(np.float32)
            self._last_s = camera_time_s
            return False
        difference = cv2.absdiff(blurred, cv2.convertScaleAbs(self._average))
        _, changed = cv2.threshold(difference, _CHANGE, 255, cv2.THRESH_BINARY)
        weight = 1 - math.exp((self._last_s - camera_time_s) / _MEMORY_S)
        cv2.accumulateWeighted(blurred, self._average, weight)
        self._last_s = camera_time_s
        if cv2.countNonZero(changed) < _LEAST_BLOB:
            return False
        _, _, blobs, _ = cv2.connectedComponentsWithStats(changed)
        return bool(blobs[1:, cv2.CC_STAT_AREA].max(initial=0) >= _LEAST_BLOB)


class Attention:
    """Awake from a motion until nothing has moved and nobody been tracked for `HOLD_S`."""

    HOLD_S: Final = 3.0
    """Longer than the presence rule's patience, so that who has left is reported before the camera falls asleep."""

    def __init__(self) -> None:
        self._until_s = -math.inf

    def renew(self, camera_time_s: float) -> None:
        """Something moves, or somebody is there."""
        self._until_s = camera_time_s + self.HOLD_S

    def is_awake(self, camera_time_s: float) -> bool:
        """Whether frames of this moment are to be analysed."""
        return camera_time_s < self._until_s
