"""YOLO heads that leave the network decoded: boxes as centre, width and height in input pixels.

Two layouts are in use: (4 + C) x N without objectness (v8, v11 and their like), and N x (5 + C) with it
(v5, v7 and their like).
"""

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


class YoloColumns(options.Options):
    """One output (4 + C) x N: a column is a box and its class scores."""

    family: Literal["yolo-4+C"]

    needs_nms: ClassVar[bool] = True

    def decode(self, outputs: Outputs, size: InputSize, classes: int, threshold: float) -> Candidates:  # noqa: ARG002
        """Boxes of one picture whose best class score reaches `threshold`.

        Raises `OutputError` when the output is not (4 + classes) x N.
        """
        raw = single_output(outputs)
        check_shape(raw, 4 + classes, None)
        # the maximum runs along contiguous rows; the costlier argmax sees the chosen few alone
        columns = np.flatnonzero(raw[4:].max(axis=0) >= threshold)
        chosen = raw[:, columns].T
        class_ids, scores = best_class(chosen[:, 4:])
        return Candidates(centre_to_corners(chosen[:, :4]), scores, class_ids)


class YoloRows(options.Options):
    """One output N x (5 + C): a row is a box, its objectness and its class scores."""

    family: Literal["yolo-5+C"]

    needs_nms: ClassVar[bool] = True

    def decode(self, outputs: Outputs, size: InputSize, classes: int, threshold: float) -> Candidates:  # noqa: ARG002
        """Boxes of one picture whose objectness times best class score reaches `threshold`.

        Raises `OutputError` when the output is not N x (5 + classes).
        """
        raw = single_output(outputs)
        check_shape(raw, None, 5 + classes)
        chosen = raw[raw[:, 4] >= threshold]
        class_ids, class_scores = best_class(chosen[:, 5:])
        scores = chosen[:, 4] * class_scores
        keep = scores >= threshold
        return Candidates(centre_to_corners(chosen[keep, :4]), scores[keep], class_ids[keep])
