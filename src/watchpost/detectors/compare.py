"""How far two ways of running a model agree on the same pictures, and how fast each of them is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from watchpost.detectors import Detector
from watchpost.geometry import box_iou
from watchpost.types import Detections, Frame


@dataclass(frozen=True, slots=True)
class Agreement:
    """What became of the reference's detections; a pair is of one class and overlaps by at least half."""

    reference: int
    """Detections of the reference."""
    kept: int
    """Of these, found by the other one too."""
    added: int
    """Detections of the other one alone."""
    score_difference: float
    """Mean absolute difference of the scores of a pair, 0-1; 0 without pairs."""
    overlap: float
    """Mean overlap (IoU) of the boxes of a pair, 0-1; 1 without pairs."""


def agreement(reference: Sequence[Detections], other: Sequence[Detections]) -> Agreement:
    """Pair the detections picture by picture, the reference's surest first."""
    scores: list[float] = []
    overlaps: list[float] = []
    for wanted, found in zip(reference, other, strict=True):
        overlap = box_iou(wanted.xyxy, found.xyxy) * (wanted.class_id[:, None] == found.class_id)
        for row in np.argsort(-wanted.confidence, kind="stable"):
            if not len(found):
                break
            column = int(overlap[row].argmax())
            if overlap[row, column] < 0.5:
                continue
            scores.append(abs(float(wanted.confidence[row] - found.confidence[column])))
            overlaps.append(float(overlap[row, column]))
            overlap[:, column] = 0
    return Agreement(
        reference=sum(map(len, reference)),
        kept=len(scores),
        added=sum(map(len, other)) - len(scores),
        score_difference=float(np.mean(scores)) if scores else 0.0,
        overlap=float(np.mean(overlaps)) if overlaps else 1.0,
    )


def ms_per_picture(detector: Detector, frames: Sequence[Frame], runs: int = 30) -> float:
    """Median time of `detect` for one picture at a time, in milliseconds, after a warm-up of three."""
    times: list[float] = []
    for run in range(runs + 3):
        frame = frames[run % len(frames)]
        started = time.perf_counter()
        detector.detect([frame])
        times.append(time.perf_counter() - started)
    return float(np.median(times[3:])) * 1e3
