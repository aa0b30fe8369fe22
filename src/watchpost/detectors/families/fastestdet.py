"""FastestDet maps: one output (5 + C) x rows x columns: objectness, box, class scores of every cell."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from watchpost import options
from watchpost.detectors.families.base import (
    Candidates,
    InputSize,
    Outputs,
    best_class,
    centre_to_corners,
    check_shape,
    single_output,
)

OBJECTNESS_POWER = 0.6
CLASS_POWER = 0.4


class FastestDet(options.Options):
    """Score = objectness^0.6 x class^0.4; the centre moves by tanh within its cell's neighbourhood."""

    family: Literal["fastestdet"]

    needs_nms: ClassVar[bool] = True

    def decode(self, outputs: Outputs, size: InputSize, classes: int, threshold: float) -> Candidates:
        """Boxes of one picture whose score reaches `threshold`.

        Raises `OutputError` when the output is not (5 + classes) x rows x columns.
        """
        raw = single_output(outputs)
        check_shape(raw, 5 + classes, None, None)
        # class scores are at most 1, so a cell below this objectness can not reach the threshold
        rows, columns = np.nonzero(raw[0] >= threshold ** (1 / OBJECTNESS_POWER))
        chosen = raw[:, rows, columns].T
        class_ids, class_scores = best_class(chosen[:, 5:])
        scores = chosen[:, 0] ** OBJECTNESS_POWER * class_scores**CLASS_POWER
        keep = scores >= threshold
        x, y, width, height = chosen[keep, 1:5].T
        grid_height, grid_width = raw.shape[1:]
        boxes = np.stack(
            [
                (np.tanh(x) + columns[keep]) * (size.width / grid_width),
                (np.tanh(y) + rows[keep]) * (size.height / grid_height),
                size.width / (1 + np.exp(-width)),
                size.height / (1 + np.exp(-height)),
            ],
            axis=1,
        )
        return Candidates(centre_to_corners(boxes), scores[keep].astype(np.float32), class_ids[keep])
