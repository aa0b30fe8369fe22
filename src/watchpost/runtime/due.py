"""Choosing frames at a steady rate from frames that come on a grid of their own."""

from __future__ import annotations

from typing import Final

_TIME_ERROR_S: Final = 1e-6


class Due:
    """Chooses at most one frame each `interval_s` of camera time, on average exactly that rate."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next_s = float("-inf")

    def __call__(self, camera_time_s: float) -> bool:
        """Whether the frame at this time is wanted."""
        late_s = camera_time_s - self._next_s
        if late_s < -_TIME_ERROR_S:
            return False
        # Steps of whole intervals keep the rate exact; after a gap the count starts anew.
        is_steady = late_s < self._interval_s
        self._next_s = (self._next_s if is_steady else camera_time_s) + self._interval_s
        return True
