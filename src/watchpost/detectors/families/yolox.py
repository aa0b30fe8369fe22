"""YOLOX grids: one output N x (5 + C), one row a grid cell, boxes relative to their cell.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021", section 2.2 (anchor-free head). Objectness and class scores come
through their sigmoid already; rows run through the strides in order, within a stride row by row.
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

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


class Yolox(options.Options):
    """Decodes YOLOX exports made without `--decode_in_inference`."""

    family: Literal["yolox"]
    strides: tuple[int, ...] = (8, 16, 32)
    """Input pixels a grid cell covers, one grid each."""

    needs_nms: ClassVar[bool] = True

    def decode(self, outputs: Outputs, size: InputSize, classes: int, threshold: float) -> Candidates:
        """Boxes of one picture whose objectness times class score reaches `threshold`.

        Raises `OutputError` when the output is not (cells of all strides) x (5 + classes).
        """
        raw = single_output(outputs)
        cells, strides = _grid(size, self.strides)
        check_shape(raw, len(cells), 5 + classes)
        rows = np.flatnonzero(raw[:, 4] >= threshold)  # class scores are at most 1: nothing is lost
        class_ids, class_scores = best_class(raw[rows, 5:])
        scores = raw[rows, 4] * class_scores
        keep = scores >= threshold
        rows, scores, class_ids = rows[keep], scores[keep], class_ids[keep]
        boxes = raw[rows, :4]
        boxes[:, :2] += cells[rows]
        boxes[:, 2:] = np.exp(boxes[:, 2:])
        boxes *= strides[rows, None]
        return Candidates(centre_to_corners(boxes), scores, class_ids)


@lru_cache(maxsize=16)
def _grid(size: InputSize, strides: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row (N, 2) of every cell, and its stride (N,)."""
    cells, sizes = [], []
    for stride in strides:
        columns, rows = np.meshgrid(np.arange(size.width // stride), np.arange(size.height // stride))
        cells.append(np.stack([columns, rows], axis=-1).reshape(-1, 2))
        sizes.append(np.full(columns.size, stride))
    return np.concatenate(cells, dtype=np.float32), np.concatenate(sizes, dtype=np.float32)
