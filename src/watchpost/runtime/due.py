"""Choosing frames at a steady rate from frames that come on a grid of their own."""

from __future__ import annotations

from typing import Final

_TIME_ERROR_S: Final = 1e-6


class Due:
    """Chooses at most one frame each `interval_s` of camera time, on average exactly that rate.

    `interval_s` may be changed at any time; the next frame is then due by the new one.
    """

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self._turn_s = float("-inf")
        """When the last chosen frame was due."""

    def __call__(self, camera_time_s: float) -> bool:
        """Whether the frame at this time is wanted."""
        next_s = self._turn_s + self.interval_s
        late_s = camera_time_s - next_s
        if late_s < -_TIME_ERROR_S:
            return False
        # Steps of whole intervals keep the rate exact; after a gap the count starts anew.
        is_steady = late_s < self.interval_s
        self._turn_s = next_s if is_steady else camera_time_s
        return True
