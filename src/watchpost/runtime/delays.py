"""How long results take, counted as a histogram."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

BOUNDS_S: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the buckets; a last one has none."""


@dataclass(frozen=True, slots=True)
class Delays:
    """A histogram at one moment."""

    counts: tuple[int, ...] = (0,) * (len(BOUNDS_S) + 1)
    """Of each bucket alone, in the order of `BOUNDS_S`."""
    sum_s: float = 0.0


class DelayCounter:
    """Written by one thread, read by any.

    >>> counter = DelayCounter()
    >>> counter.add(0.3)
    >>> counter.add(0.5)
    >>> counter.add(60)
    >>> counter.delays()
    Delays(counts=(0, 0, 2, 0, 0, 0, 0, 1), sum_s=60.8)
    """

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0

    def add(self, seconds: float) -> None:
        """One more; below 0, where this machine's clock was set back, counts as 0."""
        seconds = max(0.0, seconds)
        self._counts[bisect_left(BOUNDS_S, seconds)] += 1
        self._sum_s += seconds

    def delays(self) -> Delays:
        """What was counted so far."""
        return Delays(tuple(self._counts), self._sum_s)
