"""Scores that mean something: a detection of 0.7 is right seven times in ten.

A network that judges its own boxes (quality focal loss) says 0.5 where another says 0.9, and trackers and rules have
thresholds. Platt scaling (Platt 1999, section 2) of the score logits mends it: two numbers, fitted on labelled
pictures, that go into the last layer. The order of the detections stays, and with it the average precision.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from watchpost.datasets import Dataset
from watchpost.detectors.card import InputSpec
from watchpost.errors import WatchpostError
from watchpost.evaluation.confusion import judged, seen
from watchpost.training.evaluate import answers
from watchpost.training.loader import PictureCache
from watchpost.training.models.detector import Detector

LEAST_SCORE: Final = 0.05
"""What is less sure plays no part in use: it would only draw the curve away from where it matters."""
_LEAST_EACH: Final = 10
"""So many right and so many wrong detections at least."""
_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class Calibration:
    """Probability = sigmoid(slope * logit(score) + offset)."""

    slope: float
    offset: float

    def of(self, score: float) -> float:
        """The probability that a detection of `score`, 0-1, is right."""
        return float(1 / (1 + np.exp(-(self.slope * np.log(score / (1 - score)) + self.offset))))


def outcomes(
    network: Detector, dataset: Dataset, spec: InputSpec, device: torch.device | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores (N,) of the detections in a labelled data set, 0-1, and which of them are right at IoU .50.

    The data set has the network's classes.
    """
    cache, names = PictureCache(dataset.samples, spec, 0), network.class_names
    each = [
        judged(seen("", truth, found, names, names), LEAST_SCORE)
        for truth, found in answers(network, cache, device or torch.device("cpu"))
    ]
    scores = np.concatenate([np.asarray(score, np.float64) for score, _ in each]) if each else np.empty(0)
    return scores, np.concatenate([is_right for _, is_right in each]) if each else np.empty(0, np.bool_)


def fit(scores: NDArray[np.float64], is_right: NDArray[np.bool_]) -> Calibration:
    """Logistic regression by Newton's method, towards Platt's targets, which leave room for what was not seen.

    Raises `WatchpostError` where there are too few right or wrong detections, or the surer ones are not righter.
    """
    right, wrong = int(is_right.sum()), int((~is_right).sum())
    if min(right, wrong) < _LEAST_EACH:
        raise WatchpostError(
            f"{right} right and {wrong} wrong detections are too few to calibrate on (at least {_LEAST_EACH} of each): "
            "take more labelled pictures, or train longer."
        )
    target = np.where(is_right, (right + 1) / (right + 2), 1 / (wrong + 2))
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    inputs = np.stack([np.log(clipped / (1 - clipped)), np.ones(len(scores))], 1)
    weights = np.array([1.0, 0.0])
    for _ in range(_STEPS):
        guess = 1 / (1 + np.exp(-inputs @ weights))
        curvature = (inputs * (guess * (1 - guess))[:, None]).T @ inputs + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, inputs.T @ (guess - target))
        weights = weights - step
        if np.abs(step).max() < 1e-10:
            break
    if not weights[0] > 0:
        raise WatchpostError("surer detections are not right more often here: there is nothing to calibrate.")
    return Calibration(float(weights[0]), float(weights[1]))


def calibrated(network: Detector, calibration: Calibration) -> Detector:
    """A copy of the network whose scores are probabilities: its last layer is scaled and shifted."""
    result = copy.deepcopy(network)
    with torch.no_grad():
        result.head.scores.weight.mul_(calibration.slope)
        if result.head.scores.bias is not None:
            result.head.scores.bias.mul_(calibration.slope).add_(calibration.offset)
    return result
