"""DETR-style sets: logits Q x C and boxes Q x 4, one query an object, so nothing is suppressed.

RT-DETR, D-FINE and RF-DETR exports: sigmoid over the logits and the best of all query-class pairs, as in
Zhu et al., "Deformable DETR", section 4 (focal loss); boxes are centre, width and height as fractions.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from watchpost import options
from watchpost.detectors.families.base import (
    Candidates,
    InputSize,
    Outputs,
    centre_to_corners,
    check_shape,
    named_output,
)


class Detr(options.Options):
    """One query may claim several classes, each with its own score."""

    family: Literal["detr"]
    boxes: str = "pred_boxes"
    """Name of the output with the boxes (RF-DETR calls it `dets`)."""
    logits: str = "logits"
    """Name of the output with the class logits (RF-DETR calls it `labels`)."""
    top_k: int = Field(default=300, ge=1)
    """Objects a picture at most."""

    needs_nms: ClassVar[bool] = False

    def decode(self, outputs: Outputs, size: InputSize, classes: int, threshold: float) -> Candidates:
        """The `top_k` best query-class pairs of one picture whose score reaches `threshold`.

        Raises `OutputError` when the outputs are not Q x 4 and Q x classes.
        """
        boxes = named_output(outputs, self.boxes, "boxes")
        logits = named_output(outputs, self.logits, "logits")
        check_shape(boxes, None, 4)
        check_shape(logits, len(boxes), classes)
        flat = logits.ravel()
        # the threshold moves to the logits, so that the exponential is taken of the chosen few alone
        pairs = np.flatnonzero(flat >= _logit(threshold))
        if len(pairs) > self.top_k:
            pairs = pairs[np.argpartition(-flat[pairs], self.top_k)[: self.top_k]]
        queries, class_ids = np.divmod(pairs, classes)
        chosen = boxes[queries] * np.array([size.width, size.height] * 2, np.float32)
        scores = np.asarray(1 / (1 + np.exp(-flat[pairs])), np.float32)
        return Candidates(centre_to_corners(chosen), scores, class_ids.astype(np.int32))


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    return math.inf if probability >= 1 else math.log(probability / (1 - probability))
