from __future__ import annotations

import numpy as np

from watchpost.picture import ArrayPicture


def test_a_small_grey_picture_is_the_mean_of_what_it_stands_for() -> None:
    bgr = np.zeros((40, 80, 3), np.uint8)
    bgr[:, ::2] = 200
    grey = ArrayPicture(bgr).grey(8, 4)
    assert grey.shape == (4, 8)
    assert grey.dtype == np.uint8
    assert np.abs(grey.astype(int) - 100).max() <= 1
