"""Suppression chooses exactly what the textbook's loop chooses."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from watchpost.detectors.nms import MAX_CANDIDATES, suppress
from watchpost.geometry import box_iou


def greedy(xyxy: np.ndarray, scores: np.ndarray, class_ids: np.ndarray, iou: float) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        overlaps = (
            box_iou(xyxy[[index]], xyxy[[other]])[0, 0] > iou for other in kept if class_ids[other] == class_ids[index]
        )
        if not any(overlaps):
            kept.append(index)
    return kept


@st.composite
def scenes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = draw(st.integers(0, 25))
    corner = draw(hnp.arrays(np.int8, (count, 2), elements=st.integers(0, 12)))
    size = draw(hnp.arrays(np.int8, (count, 2), elements=st.integers(0, 10)))
    scores = draw(hnp.arrays(np.int8, count, elements=st.integers(1, 9))) / np.float32(10)
    classes = draw(hnp.arrays(np.int32, count, elements=st.integers(0, 2)))
    return np.hstack([corner, corner + size]).astype(np.float32), scores, classes


# thresholds that no ratio of these small whole numbers meets, but for .5, which is exact
@given(scenes(), st.sampled_from([0.101, 0.303, 0.5, 0.899]))
def test_it_is_the_greedy_choice(scene: tuple[np.ndarray, np.ndarray, np.ndarray], iou: float) -> None:
    assert suppress(*scene, iou).tolist() == greedy(*scene, iou)


def test_a_suppressed_box_suppresses_nobody() -> None:
    boxes = np.float32([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])  # each overlaps its neighbours alone
    kept = suppress(boxes, np.float32([0.9, 0.8, 0.7]), np.zeros(3, np.int32), 0.3)
    assert kept.tolist() == [0, 2]


def test_more_boxes_than_the_limit_are_cut_to_the_best() -> None:
    count = MAX_CANDIDATES + 50
    left = np.arange(count, dtype=np.float32) * 10
    boxes = np.stack([left, left, left + 5, left + 5], axis=1)
    scores = np.linspace(0.1, 0.9, count, dtype=np.float32)
    kept = suppress(boxes, scores, np.zeros(count, np.int32), 0.5)
    assert len(kept) == MAX_CANDIDATES
    assert kept[0] == count - 1
