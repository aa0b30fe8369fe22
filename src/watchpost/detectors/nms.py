"""Non-maximum suppression: of boxes of one class that overlap, the best one stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from watchpost.geometry import box_area

MAX_CANDIDATES = 1000
"""More boxes than this are cut to the best ones first: the matrix below grows with the square."""


def suppress(
    xyxy: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_ids: NDArray[np.int32],
    iou: float,
) -> NDArray[np.intp]:
    """Indices of the boxes that stay, best first, as greedy class-wise suppression chooses them.

    A box goes when a better one of its class that itself stays overlaps it by more than `iou` (0-1). Greedy choice is
    found as a fixed point of matrix steps (Zheng et al., "Enhancing Geometric Factors in Model Learning and
    Inference for Object Detection and Instance Segmentation", section 4.1, Cluster-NMS; exact, not approximate).
    """
    order: NDArray[np.intp] = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    if len(order) < 2:
        return order
    boxes, classes = xyxy[order], class_ids[order]
    overlaps = np.triu(_overlaps(boxes, iou), k=1)  # row i may suppress the columns after it
    if classes.min() != classes.max():
        overlaps &= classes[:, None] == classes
    stays = ~overlaps.any(axis=0)
    while True:
        following = ~overlaps[stays].any(axis=0)
        if np.array_equal(following, stays):
            return np.asarray(order[stays])
        stays = following


def _overlaps(boxes: NDArray[np.float32], iou: float) -> NDArray[np.bool_]:
    """Which boxes overlap by more than `iou`, (N, N): without division, and in three arrays, for its speed."""
    left, top, right, bottom = np.ascontiguousarray(boxes.T)
    area = box_area(boxes)
    other = np.maximum.outer(left, left)
    intersection = np.minimum.outer(right, right)
    intersection -= other
    np.maximum(intersection, 0, out=intersection)
    height = np.minimum.outer(bottom, bottom)
    height -= np.maximum.outer(top, top, out=other)
    np.maximum(height, 0, out=height)
    intersection *= height
    union = np.add.outer(area, area, out=other)
    union -= intersection
    union *= iou
    return np.asarray(intersection > union)
