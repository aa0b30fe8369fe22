"""Who is who: the best one-to-one assignment of tracks to detections (Jonker and Volgenant 1987, by `lap`)."""

from __future__ import annotations

import lap
import numpy as np
from numpy.typing import NDArray

from watchpost.geometry import box_iou

Rows = NDArray[np.intp]


def assign(similarity: NDArray[np.floating], minimum: float) -> tuple[Rows, Rows]:
    """Rows and columns (K,) of the pairs of a matrix (N, M) with the greatest total of similarity over `minimum`.

    No pair is less alike than `minimum`; `-inf` forbids a pair.

    >>> rows, columns = assign(np.array([[0.9, 0.8], [0.7, 0.1]]), minimum=0.2)
    >>> rows.tolist(), columns.tolist()
    ([0, 1], [1, 0])
    """
    best = similarity.max(initial=-np.inf)
    if not best >= minimum:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    limit = float(best - minimum) + 1e-9
    cost = np.where(similarity >= minimum, best - similarity, limit + 1.0)
    _, column_of_row, _ = lap.lapjv(cost.astype(np.float64), extend_cost=True, cost_limit=limit)
    rows = np.flatnonzero(column_of_row >= 0)
    return rows, column_of_row[rows].astype(np.intp)


def distance_iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """Distance-IoU (N, M) of boxes (N, 4) and (M, 4), -1 to 1 (Zheng et al. 2020, equation 7).

    The overlap less the squared distance of the centres, in diagonals of the box around both: unlike the
    overlap alone it tells near from far where boxes barely touch, as small objects do at low frame rates.

    >>> distance_iou(np.array([[0., 0., 3., 4.]]), np.array([[0., 0., 3., 4.], [3., 0., 6., 4.]])).round(3).tolist()
    [[1.0, -0.173]]
    """
    between, around = np.zeros((2, len(a), len(b)))
    for low, high in ((0, 2), (1, 3)):  # by axis: (N, M) arrays are several times faster than (N, M, 2)
        middles = (a[:, low] + a[:, high]) / 2, (b[:, low] + b[:, high]) / 2
        between += np.square(np.subtract.outer(*middles))
        span = np.maximum.outer(a[:, high], b[:, high]) - np.minimum.outer(a[:, low], b[:, low])
        around += np.square(span)
    return np.asarray(box_iou(a, b) - between / np.maximum(around, np.finfo(np.float64).tiny))
