"""Whether a small grey picture differs from what this camera usually shows.

A running average of the scene with a noise of its own for each cell, as background subtraction keeps it for each pixel
(Wren et al. 1997, "Pfinder: real-time tracking of the human body", section 4), but over 64 x 36 cells and about once a
second.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

COLUMNS: Final = 64
ROWS: Final = 36

_READY_AFTER: Final = 3
_NOISE_AT_FIRST: Final = 2.0
_SIGMAS: Final = 3.0
_LEAST_DIFFERENCE: Final = 4.0
"""Grey levels of 255: what quantisation alone may do to the mean of a cell."""
_NEIGHBOURS: Final = 4
"""Of the nine cells around and with it, so many must have changed for a cell to count: a square of two by two does."""
FEWEST_CELLS: Final = 4
_NOISE_RATE: Final = 0.1
_MEAN_TO_SIGMA: Final = 1.2533
"""From the mean absolute deviation to the standard deviation of a normal distribution."""


class PictureChange:
    """Compares pictures (36, 64) uint8 grey with a reference that is led after them."""

    def __init__(self) -> None:
        self.cells = 0
        """How many cells of the last picture had changed, single ones left out."""
        self.forget()

    def forget(self) -> None:
        """Begin anew with the next picture."""
        self._seen = 0
        self._reference = np.zeros((ROWS, COLUMNS), np.float32)
        self._noise = np.full((ROWS, COLUMNS), _NOISE_AT_FIRST, np.float32)
        self._difference = np.zeros((ROWS, COLUMNS), np.float32)

    @property
    def is_ready(self) -> bool:
        """Whether enough pictures have been seen to compare with."""
        return self._seen >= _READY_AFTER

    def differs(self, grey: NDArray[np.uint8], fewest: float = FEWEST_CELLS) -> bool:
        """Whether something of at least `fewest` cells is in the picture, or gone from it, since the reference.

        Light that changes all over the picture is none; nor is a single cell here and there, as rain makes them.
        Raises `ValueError` for a picture of another shape.
        """
        if grey.shape != (ROWS, COLUMNS):
            raise ValueError(f"PictureChange: expected a picture of shape {(ROWS, COLUMNS)}, got {grey.shape}")
        picture = grey.astype(np.float32)
        if self._seen == 0:
            self._reference = picture.copy()
        light = float(np.median((picture + 1) / (self._reference + 1)))
        self._difference = np.abs(picture - self._reference * light)
        changed = (self._difference > np.maximum(self._noise * _SIGMAS, _LEAST_DIFFERENCE)).astype(np.uint8)
        around = cv2.boxFilter(changed, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
        self.cells = int(np.count_nonzero(changed & (np.asarray(around) >= _NEIGHBOURS)))
        self._picture = picture
        self._seen += 1
        return self.cells >= fewest

    def follow(self, rate: float) -> None:
        """Lead the reference towards the last picture: by a part of the way, or (1.0) all of it."""
        self._reference += rate * (self._picture - self._reference)

    def learn_noise(self, rate: float = _NOISE_RATE) -> None:
        """Take what the last picture differed by for noise: nobody was in it."""
        self._noise += rate * (self._difference * _MEAN_TO_SIGMA - self._noise)
