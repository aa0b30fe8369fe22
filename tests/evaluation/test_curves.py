"""Precision against recall on cases that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from watchpost.evaluation.curves import Curve, best_point
from watchpost.evaluation.dataset import Truth
from watchpost.evaluation.detection import DetectionScorer
from watchpost.types import Detections

BOXES = [[0, 0, 50, 50], [100, 100, 150, 150]]


def scorer() -> DetectionScorer:
    """Two objects: one found with .9, then a false detection with .6, then the other with .3; no cat anywhere."""
    made = DetectionScorer(["person", "cat"], ["person", "cat"])
    boxes = [BOXES[0], [300, 300, 350, 350], BOXES[1]]
    found = Detections(np.float32(boxes), np.float32([0.9, 0.6, 0.3]), np.int32([0, 0, 0]), (640, 480), ("person",))
    made.add(Truth.of_boxes(np.float64(BOXES), np.int64([0, 0])), found)
    return made


def test_the_curve_of_each_class_that_is_there() -> None:
    curves = scorer().curves()
    assert list(curves) == ["person"]
    curve = curves["person"]
    assert len(curve.precision) == len(curve.confidence) == 101
    assert curve.precision[50] == 1
    assert curve.precision[51] == pytest.approx(2 / 3)
    assert curve.at(0.5) == (1.0, 0.5)
    assert curve.at(0.2) == (pytest.approx(2 / 3), 1.0)
    assert curve.at(0.95) == (0.0, 0.0)


def test_scores_stay_right_when_pictures_are_added_after_asking() -> None:
    made = scorer()
    before = made.scores()[0].ap50
    made.add(Truth.of_boxes(np.float64(BOXES), np.int64([0, 0])), Detections.empty((640, 480), ("person",)))
    after = made.scores()[0].ap50
    assert before is not None
    assert after is not None
    assert after < before


def test_the_best_point() -> None:
    point = best_point(scorer().curves())
    assert point is not None
    assert point.confidence <= 0.3
    assert point.f1 == pytest.approx(0.8)  # precision 2/3, recall 1: better than 1 and 1/2
    nothing = Curve((0.0,) * 101, (0.0,) * 101)
    assert best_point({"person": nothing}) is None
    assert best_point({}) is None
