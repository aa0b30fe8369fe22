"""How good the weights are now: COCO's average precision on the validation pictures, by the scorer of `evaluation`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import torch

from watchpost.detectors.preprocess import place
from watchpost.evaluation.dataset import Truth
from watchpost.evaluation.detection import DetectionScorer, DetectionScores
from watchpost.geometry import box_area
from watchpost.picture import ArrayPicture
from watchpost.training.loader import PictureCache, collated
from watchpost.training.models import Prediction, TrainableDetector
from watchpost.types import Detections

_BATCH: Final = 16


def evaluate(
    network: TrainableDetector, cache: PictureCache, device: torch.device, stop: Callable[[], bool]
) -> DetectionScores:
    """The scores of `network`, which is in evaluation mode, on the pictures of `cache`; cut short when `stop` says so.

    Raises `MissingExtraError` without the evaluator.
    """
    scorer = DetectionScorer(network.class_names, network.class_names)
    for truth, found in answers(network, cache, device, stop):
        scorer.add(truth, found)
    return scorer.scores()[0]


def answers(
    network: TrainableDetector, cache: PictureCache, device: torch.device, stop: Callable[[], bool] = lambda: False
) -> Iterator[tuple[Truth, Detections]]:
    """What is true in each picture of `cache` and what `network`, which is in evaluation mode, sees there."""
    for start in range(0, len(cache), _BATCH):
        if stop():
            return
        rows = range(start, min(start + _BATCH, len(cache)))
        pictures = collated([cache.example(row) for row in rows], cache.spec).pictures
        for row, found in zip(rows, network.predict(pictures.to(device).float()), strict=True):
            sample = cache.samples[row]
            area = np.asarray(box_area(sample.xyxy) if sample.area is None else sample.area, np.float64)
            truth = Truth(sample.xyxy, sample.class_id, area, sample.is_ignored)
            yield truth, _in_picture(found, cache, row, network.class_names)


def _in_picture(found: Prediction, cache: PictureCache, row: int, class_names: tuple[str, ...]) -> Detections:
    """From pixels of the input to those of the picture as it lies on disk."""
    sample, bgr = cache.samples[row], cache.example(row).bgr
    height, width = bgr.shape[:2]
    xyxy = place(cache.spec, width, height).to_picture(found.boxes.cpu().numpy(), ArrayPicture(bgr))
    xyxy *= np.array([sample.width / width, sample.height / height] * 2, np.float32)
    size = (sample.width, sample.height)
    return Detections(xyxy, found.scores.cpu().numpy(), found.labels.cpu().numpy().astype(np.int32), size, class_names)
