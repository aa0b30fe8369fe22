"""SSD heads with the boxes decoded in the network: corners N x 4, and scores N or N x C."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from watchpost import options
from watchpost.detectors.families.base import (
    Candidates,
    InputSize,
    Outputs,
    best_class,
    check_shape,
    named_output,
)


class Ssd(options.Options):
    """Liu et al., "SSD: Single Shot MultiBox Detector", section 2; the scores are past their softmax."""

    family: Literal["ssd"]
    boxes: str = "boxes"
    """Name of the output with left, top, right, bottom."""
    scores: str = "scores"
    """Name of the output with the scores."""
    normalised: bool = False
    """Whether coordinates are fractions of the input's size instead of pixels."""
    background: bool = False
    """Whether column 0 of the scores is 'nothing here'."""

    needs_nms: ClassVar[bool] = True

    def decode(self, outputs: Outputs, size: InputSize, classes: int, threshold: float) -> Candidates:
        """Boxes of one picture whose best class score reaches `threshold`.

        Raises `OutputError` when the outputs are not N x 4 and N x classes (or N, for a single class).
        """
        boxes = named_output(outputs, self.boxes, "boxes")
        scores = named_output(outputs, self.scores, "scores")
        if scores.ndim == 1:
            scores = scores[:, None]
        check_shape(boxes, None, 4)
        check_shape(scores, len(boxes), classes + self.background)
        scores = scores[:, int(self.background) :]
        best = scores[:, 0] if classes == 1 else scores.max(axis=1)
        rows = np.flatnonzero(best >= threshold)
        class_ids, best = best_class(scores[rows])
        corners = boxes[rows].astype(np.float32)
        if self.normalised:
            corners *= np.array([size.width, size.height] * 2, np.float32)
        return Candidates(corners, best, class_ids)
