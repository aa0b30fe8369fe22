"""Agreement of two ways of running a model, on boxes that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from watchpost.detectors.compare import agreement
from watchpost.types import Detections


def found(boxes: list, scores: list[float], classes: list[int]) -> Detections:
    return Detections(np.float32(boxes).reshape(-1, 4), np.float32(scores), np.int32(classes), (100, 100), ("a", "b"))


def test_pairs_are_of_one_class_and_one_to_one() -> None:
    box, other = [0, 0, 10, 10], [50, 50, 60, 60]
    result = agreement(
        [found([box, box, other], [0.9, 0.8, 0.7], [0, 0, 0])],
        [found([box, other, [0, 0, 10, 9]], [0.6, 0.7, 0.2], [0, 1, 0])],
    )
    assert (result.reference, result.kept, result.added) == (3, 2, 1)
    assert result.score_difference == pytest.approx((0.3 + 0.6) / 2)
    assert result.overlap == pytest.approx((1 + 0.9) / 2)


def test_nothing_found_by_either() -> None:
    result = agreement([found([], [], [])], [found([], [], [])])
    assert (result.reference, result.kept, result.added, result.overlap) == (0, 0, 0, 1.0)
