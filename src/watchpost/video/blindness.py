"""Whether a live camera shows anything at all: not all one grey, and not the same picture for minutes.

Judged by the small grey pictures (36, 64) that the gate compares. A lens that is covered, a cable that is cut behind an
encoder, a night without light and an encoder that repeats its last picture all go on sending packets: no connection is
lost, and yet nobody would be seen. Camera time is the only time here.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Blindness = Literal["dark", "covered", "frozen"]

EVERY_S: Final = 5.0
"""At least so long between two pictures that are judged."""
UNIFORM: Final = 3.0
"""Standard deviation over the cells, in grey levels of 255, below which a picture is all of one grey."""
_DARK: Final = 40.0
"""Mean grey level below which it is dark, and above which covered."""
_UNIFORM_FOR_S: Final = 10.0
"""A hand before the lens, a lamp that is switched: so long it may last."""
FROZEN_FOR_S: Final = 300.0
"""No sensor is without noise: while a scene is seen, never do all of 2304 cells stay the same for so long."""
_FEWEST_SAME: Final = 20
"""So many pictures must have been the same as well: a camera whose key frames are rare shows few."""


class Sight:
    """Takes small pictures in, and says what is wrong. One thread feeds it; `blindness` may be read by any."""

    def __init__(self) -> None:
        self.blindness: Blindness | None = None
        """`None`: it sees."""
        self._seen_s = float("-inf")
        self._uniform_since_s: float | None = None
        self._last: NDArray[np.uint8] | None = None
        self._same_since_s = 0.0
        self._same = 0

    def wants(self, camera_time_s: float) -> bool:
        """Whether a picture of this time is to be judged."""
        return camera_time_s >= self._seen_s + EVERY_S

    def see(self, camera_time_s: float, grey: NDArray[np.uint8]) -> None:
        """Judge a picture, (H, W) uint8, always of the same size."""
        self._seen_s = camera_time_s
        if self._last is not None and np.array_equal(grey, self._last):
            self._same += 1
        else:
            self._last, self._same, self._same_since_s = grey.copy(), 0, camera_time_s
        if float(grey.std()) < UNIFORM:
            self._uniform_since_s = camera_time_s if self._uniform_since_s is None else self._uniform_since_s
        else:
            self._uniform_since_s = None
        self.blindness = self._judge(camera_time_s, float(grey.mean()))

    def _judge(self, now_s: float, level: float) -> Blindness | None:
        if self._uniform_since_s is not None and now_s - self._uniform_since_s >= _UNIFORM_FOR_S:
            return "dark" if level < _DARK else "covered"
        if self._same >= _FEWEST_SAME and now_s - self._same_since_s >= FROZEN_FOR_S:
            return "frozen"
        return None
