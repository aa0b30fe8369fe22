"""Boxes, polygons and lines. Boxes are (N, 4) float arrays: left, top, right, bottom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def box_area(xyxy: Floats) -> Floats:
    """Areas (N,) of boxes (N, 4); a box turned inside out has area 0."""
    size = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0)
    return np.asarray(size[:, 0] * size[:, 1])


def box_iou(a: Floats, b: Floats) -> Floats:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4), 0-1; 0 where both are empty.

    >>> box_iou(np.array([[0., 0., 2., 2.]]), np.array([[1., 0., 3., 2.]])).round(3).tolist()
    [[0.333]]
    """
    overlap = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]), 0)
    intersection = overlap[..., 0] * overlap[..., 1]
    union = box_area(a)[:, None] + box_area(b)[None, :] - intersection
    return np.asarray(np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0))


def clip_boxes(xyxy: Floats, width: float, height: float) -> Floats:
    """Boxes (N, 4) cut off at the edges of a picture of `width` x `height` pixels."""
    return np.clip(xyxy, 0, np.array([width, height, width, height], dtype=xyxy.dtype))


def foot_points(xyxy: Floats) -> Floats:
    """Where objects stand: the middle (N, 2) of each box's lower edge."""
    return np.stack([(xyxy[:, 0] + xyxy[:, 2]) / 2, xyxy[:, 3]], axis=1)


def points_in_polygon(points: Floats, polygon: Floats) -> NDArray[np.bool_]:
    """Which of the points (N, 2) lie in a polygon (K, 2), by the even-odd rule (ray casting).

    Raises `ValueError` for a polygon of fewer than three corners.

    >>> points_in_polygon(np.array([[1., 1.], [3., 1.]]), np.array([[0., 0.], [2., 0.], [2., 2.], [0., 2.]])).tolist()
    [True, False]
    """
    if polygon.ndim != 2 or polygon.shape[0] < 3 or polygon.shape[1] != 2:
        raise ValueError(f"polygon: expected shape (3 or more, 2), got {polygon.shape}")
    x, y = points[:, 0, None], points[:, 1, None]
    x0, y0 = polygon[:, 0], polygon[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    crosses = (y0 > y) != (y1 > y)
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    left_of_edge = x < (x1 - x0) * (y - y0) / rise + x0
    return np.asarray(np.count_nonzero(crosses & left_of_edge, axis=1) % 2 == 1)


def side_of_line(points: Floats, start: Floats, end: Floats) -> Floats:
    """On which side (N,) of the directed line start -> end the points (N, 2) lie.

    Positive: to the right of somebody who walks from start to end (the y axis points down); 0: on the line.
    """
    direction = end - start
    return np.asarray(direction[0] * (points[:, 1] - start[1]) - direction[1] * (points[:, 0] - start[0]))


def segments_cross(a0: Floats, a1: Floats, b0: Floats, b1: Floats) -> bool:
    """Whether the segments a0-a1 and b0-b1 (points (2,)) cross; touching with an end counts."""
    b_sides = side_of_line(np.stack([b0, b1]), a0, a1)
    a_sides = side_of_line(np.stack([a0, a1]), b0, b1)
    if not b_sides.any() and not a_sides.any():  # collinear: they meet if their extents do
        low = np.maximum(np.minimum(a0, a1), np.minimum(b0, b1))
        high = np.minimum(np.maximum(a0, a1), np.maximum(b0, b1))
        return bool((low <= high).all())
    return bool(b_sides[0] * b_sides[1] <= 0 and a_sides[0] * a_sides[1] <= 0)
