"""How many cameras are sustained: grow until a limit breaks, halve the gap, then ask the answer again."""

from __future__ import annotations

import math

_LEAST_GROWTH, _MOST_GROWTH = 1.25, 4.0
_AIM = 0.9
"""The share of the processor that a guess from the load so far aims at."""


class Search:
    """The search for the largest sustained number of cameras of one approach, a run at a time.

    A number holds while at least half of its runs held. The answer has been run `rounds` times and lies within
    `tolerance` (a share, at least one camera) of a number that broke, or is `most`.
    """

    def __init__(self, start: int, most: int, rounds: int = 1, tolerance: float = 0.05) -> None:
        self._start = min(start, most)
        self._most = most
        self._rounds = rounds
        self._tolerance = tolerance
        self._votes: dict[int, list[bool]] = {}
        self._loads: dict[int, float] = {}

    @property
    def best(self) -> int:
        """The largest number that holds so far and below which none has broken; 0 for none."""
        broken = self.broken
        return max((n for n in self._votes if self._holds(n) and (broken is None or n < broken)), default=0)

    def report(self, cameras: int, held: bool, load: float = 0.0) -> None:
        """Take in a run: whether it held, and the share of the processor that it took, 0-1."""
        self._votes.setdefault(cameras, []).append(held)
        self._loads[cameras] = load

    def next(self) -> int | None:
        """The number of cameras to run next, `None` when the answer is known."""
        if not self._votes:
            return self._start
        best, broken = self.best, self.broken
        if broken is None and best < self._most:
            return self._grown(best)
        if broken is not None and broken - best > max(1, self._tolerance * best):
            return max(best + 1, round(math.sqrt(best * broken))) if best else broken // 2
        if best and len(self._votes[best]) < self._rounds:
            return best
        return None

    @property
    def broken(self) -> int | None:
        """The smallest number that broke; `None` while none has."""
        return min((n for n in self._votes if not self._holds(n)), default=None)

    def _holds(self, cameras: int) -> bool:
        votes = self._votes[cameras]
        return 2 * sum(votes) >= len(votes)

    def _grown(self, cameras: int) -> int:
        """The next larger number: as many as the load suggests, within bounds."""
        factor = _AIM / max(self._loads[cameras], 1e-6)
        guess = round(cameras * min(max(factor, _LEAST_GROWTH), _MOST_GROWTH))
        return min(max(guess, cameras + 1), self._most)
