"""Non-maximum suppression: of boxes of one class that overlap, the best one stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from watchpost.geometry import box_iou

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
    overlaps = (box_iou(boxes, boxes) > iou) & (classes[:, None] == classes)
    overlaps = np.triu(overlaps, k=1)  # row i may suppress the columns after it
    stays = ~overlaps.any(axis=0)
    while True:
        following = ~overlaps[stays].any(axis=0)
        if np.array_equal(following, stays):
            return np.asarray(order[stays])
        stays = following
