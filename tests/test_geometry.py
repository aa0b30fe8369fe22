"""Boxes, polygons and lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost import geometry

boxes = st.lists(
    st.tuples(*[st.floats(0, 100)] * 2, *[st.floats(0.5, 50)] * 2).map(
        lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
    ),
    min_size=1,
    max_size=6,
).map(lambda rows: np.array(rows, np.float64))


@given(boxes, boxes)
def test_iou_is_symmetric_and_between_0_and_1(a: np.ndarray, b: np.ndarray) -> None:
    iou = geometry.box_iou(a, b)
    assert ((iou >= 0) & (iou <= 1 + 1e-9)).all()
    np.testing.assert_allclose(iou, geometry.box_iou(b, a).T)
    np.testing.assert_allclose(np.diag(geometry.box_iou(a, a)), 1)


def test_iou_of_empty_boxes_is_0_not_nan() -> None:
    assert geometry.box_iou(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [[0.0]]


def test_points_in_a_concave_polygon() -> None:
    horseshoe = np.array([[0, 0], [6, 0], [6, 6], [4, 6], [4, 2], [2, 2], [2, 6], [0, 6]], float)
    inside = geometry.points_in_polygon(np.array([[1.0, 5], [3, 5], [5, 5], [3, 1], [7, 1]]), horseshoe)
    assert inside.tolist() == [True, False, True, True, False]


def test_a_polygon_needs_three_corners() -> None:
    with pytest.raises(ValueError, match="3 or more"):
        geometry.points_in_polygon(np.zeros((1, 2)), np.zeros((2, 2)))


def test_right_of_the_line_is_positive() -> None:
    start, end = np.array([0.0, 5]), np.array([10.0, 5])  # walking to the right of the picture
    sides = geometry.side_of_line(np.array([[5.0, 9], [5, 1], [3, 5]]), start, end)
    assert np.sign(sides).tolist() == [1, -1, 0]  # below the line is to the right hand


@pytest.mark.parametrize(
    ("b0", "b1", "crosses"),
    [((5, 0), (5, 10), True), ((5, 0), (5, 4), False), ((5, 0), (5, 5), True), ((11, 0), (11, 10), False),
     ((2, 5), (3, 5), True), ((12, 5), (13, 5), False)],
)  # fmt: skip
def test_segments_cross(b0: tuple[int, int], b1: tuple[int, int], crosses: bool) -> None:
    a0, a1 = np.array([0.0, 5]), np.array([10.0, 5])
    assert geometry.segments_cross(a0, a1, np.array(b0, float), np.array(b1, float)) is crosses
