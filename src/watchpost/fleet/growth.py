"""How a figure grows with the number of cameras: a straight line through the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from watchpost.fleet.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Line:
    """A least-squares line through (cameras, value)."""

    per_camera: float
    constant: float
    """What no camera at all would take."""
    r2: float
    """Share of the variance that it explains, 0-1; with two numbers of cameras there is nothing left to explain."""
    runs: int


def fit(points: Sequence[tuple[float, float]]) -> Line | None:
    """The line through points (cameras, value); `None` with fewer than two numbers of cameras."""
    if len({cameras for cameras, _ in points}) < 2:
        return None
    cameras, values = np.asarray(points, np.float64).T
    slope, constant = np.polyfit(cameras, values, 1)
    left = float(((values - slope * cameras - constant) ** 2).sum())
    whole = float(((values - values.mean()) ** 2).sum())
    return Line(float(slope), float(constant), 1.0 - left / whole if whole > 0 else 1.0, len(points))


def memory(outcomes: Sequence[Outcome]) -> Line | None:
    """Resident MB beyond the empty process, over the runs that held."""
    return fit([(each.cameras, each.memory_mb) for each in outcomes if each.broken is None])


def cpu(outcomes: Sequence[Outcome]) -> Line | None:
    """Milliseconds of a core in each second, over the runs that held."""
    return fit([(each.cameras, each.cpu_ms * each.cameras) for each in outcomes if each.broken is None])
