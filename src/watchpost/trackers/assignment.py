"""Who is who: the best one-to-one assignment of tracks to detections (Jonker and Volgenant 1987, by `lap`)."""

from __future__ import annotations

import lap
import numpy as np
from numpy.typing import NDArray

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
