"""A Kalman filter over many boxes at once (Kalman 1960; constant velocity as in Bewley et al. 2016, section 3.2).

Centre x, centre y, width and height move independently, each with a position and a velocity. The (8, 8)
covariance of a box is then four (2, 2) blocks, which are symmetric: three numbers a coordinate describe it
exactly, and the correction needs a division in place of a matrix inverse.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# All in units of the box's own size, so that near and far, 480 and 2160 lines behave alike.
POSITION_NOISE: Final = 0.1
"""Random walk of a box's place and size: standard deviation in sizes after one second."""
VELOCITY_NOISE: Final = 0.7
"""Random walk of its velocity: standard deviation in sizes a second after one second."""
MEASUREMENT_NOISE: Final = 0.15
"""Standard deviation of a detector's box, in sizes."""
FIRST_VELOCITY: Final = 2.0
"""Standard deviation of the velocity of a new box, in sizes a second."""


def center_size(xyxy: NDArray[np.floating]) -> Floats:
    """Boxes (N, 4) of left, top, right, bottom as centre x, centre y, width, height in float64."""
    corners = xyxy.astype(np.float64)
    size = corners[:, 2:] - corners[:, :2]
    return np.concatenate([corners[:, :2] + size / 2, size], axis=1)


def corners(center_size: Floats) -> Floats:
    """Boxes (N, 4) of centre x, centre y, width, height as left, top, right, bottom."""
    half = center_size[:, 2:] / 2
    return np.concatenate([center_size[:, :2] - half, center_size[:, :2] + half], axis=1)


class BoxKalman:
    """The states of N boxes as arrays; rows are added, corrected and removed together. Pixels and seconds."""

    def __init__(self) -> None:
        empty = np.empty((0, 4))
        self.position: Floats = empty
        """(N, 4): centre x, centre y, width, height."""
        self.velocity: Floats = empty
        """(N, 4): their change a second."""
        self._pp = self._pv = self._vv = empty

    def __len__(self) -> int:
        return len(self.position)

    def add(self, position: Floats) -> None:
        """New rows at the end for boxes (M, 4) of centre x, centre y, width, height, standing still."""
        variance = np.repeat(_size(position) ** 2, 4, axis=1)
        self.position = np.concatenate([self.position, position])
        self.velocity = np.concatenate([self.velocity, np.zeros_like(position)])
        self._pp = np.concatenate([self._pp, variance * MEASUREMENT_NOISE**2])
        self._pv = np.concatenate([self._pv, np.zeros_like(position)])
        self._vv = np.concatenate([self._vv, variance * FIRST_VELOCITY**2])

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Remove the rows that are false in the mask (N,)."""
        self.position, self.velocity = self.position[rows], self.velocity[rows]
        self._pp, self._pv, self._vv = self._pp[rows], self._pv[rows], self._vv[rows]

    def predict(self, elapsed_s: float) -> None:
        """Move all boxes on by `elapsed_s` seconds; the uncertainty grows with the time, not with the calls."""
        t = elapsed_s
        square = _size(self.position) ** 2
        jerk = square * VELOCITY_NOISE**2
        self.position = self.position + self.velocity * t
        np.maximum(self.position[:, 2:], 1.0, out=self.position[:, 2:])
        self._pp = (
            self._pp + (2 * t) * self._pv + t**2 * self._vv + (square * (POSITION_NOISE**2 * t) + jerk * (t**3 / 3))
        )
        self._pv = self._pv + t * self._vv + jerk * (t**2 / 2)
        self._vv = self._vv + jerk * t

    def correct(self, rows: NDArray[np.integer], measured: Floats) -> None:
        """Correct the rows (M,) by the boxes (M, 4) measured for them."""
        position, pp, pv = self.position[rows], self._pp[rows], self._pv[rows]
        total = pp + (_size(position) * MEASUREMENT_NOISE) ** 2
        gain, velocity_gain = pp / total, pv / total
        surprise = measured - position
        self.position[rows] = position + gain * surprise
        self.velocity[rows] += velocity_gain * surprise
        self._pp[rows] = pp - gain * pp
        self._pv[rows] = pv - gain * pv
        self._vv[rows] -= velocity_gain * pv


def _size(position: Floats) -> Floats:
    """The size (N, 1) of boxes: the side of a square of the same area, in pixels, at least 1."""
    return np.sqrt(np.maximum(position[:, 2:3] * position[:, 3:4], 1.0))
