"""Precision against recall, and the confidence at which a detector does best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Curve:
    """One class at IoU .50, at COCO's 101 levels of recall 0, .01, ... 1."""

    precision: tuple[float, ...]
    """The best precision at this recall or a higher one; 0 where the recall is not reached."""
    confidence: tuple[float, ...]
    """The least score that reaches this recall; 0 where none does."""

    def at(self, confidence: float) -> tuple[float, float]:
        """Precision and recall of the detections whose score is at least `confidence`."""
        reached = [level for level, score in enumerate(self.confidence) if score >= confidence and score > 0]
        if not reached:
            return 0.0, 0.0
        return self.precision[reached[-1]], reached[-1] / (len(self.precision) - 1)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The confidence threshold with the best F1 (harmonic mean of precision and recall), averaged over classes."""

    confidence: float
    f1: float


def best_point(curves: Mapping[str, Curve]) -> OperatingPoint | None:
    """The best of the thresholds .01, .02 ... .99; `None` where nothing is found at any of them."""
    best = OperatingPoint(0.0, 0.0)
    for confidence in np.arange(1, 100) / 100:
        f1 = float(np.mean([_f1(*curve.at(float(confidence))) for curve in curves.values()])) if curves else 0.0
        if f1 > best.f1:
            best = OperatingPoint(float(confidence), f1)
    return best if best.f1 > 0 else None


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
