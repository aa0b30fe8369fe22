"""How late alerts were: histograms by camera and hour, fine enough for percentiles."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from watchpost.runtime.history.file import HistoryFile

HOUR_S: Final = 3600
_LEAST_S: Final = 0.01
_PER_OCTAVE: Final = 8
"""Bins between a delay and its double: each is 9 % wide."""
_LAST: Final = 160
"""A delay of more than two hours is no delay but a clock that was set."""

Bins = Mapping[int, int]
"""How many delays by bin."""


def bin_of(delay_s: float) -> int:
    """The bin of a delay: 0 is all up to 10 ms.

    >>> [bin_of(each) for each in (-1, 0.01, 0.02, 0.04, 1e9)]
    [0, 0, 8, 16, 160]
    """
    if delay_s <= _LEAST_S:
        return 0
    return min(_LAST, math.ceil(math.log2(delay_s / _LEAST_S) * _PER_OCTAVE - 1e-9))


def upper_s(bin_number: int) -> float:
    """The longest delay of a bin."""
    return float(_LEAST_S * 2 ** (bin_number / _PER_OCTAVE))


def quantile_s(bins: Bins, share: float) -> float | None:
    """The delay that this share (0-1) of all does not exceed, to the upper end of its bin: at most 9 % too much.

    `None` where there are none.

    >>> quantile_s({8: 1, 16: 1}, 0.5)
    0.02
    """
    total = sum(bins.values())
    if not total:
        return None
    wanted, passed, last = share * total, 0, 0
    for last in sorted(bins):
        passed += bins[last]
        if passed >= wanted:
            break
    return upper_s(last)


class DelayHistory:
    """Delays by hour and camera."""

    def __init__(self, file: HistoryFile) -> None:
        self._file = file

    def add(self, counts: Mapping[tuple[int, str, int], int]) -> None:
        """Add so many delays to (hour, camera, bin)."""
        with self._file.writing() as db:
            db.executemany(
                "INSERT INTO delays VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                [(*key, count) for key, count in counts.items()],
            )

    def between(
        self, since_s: float, until_s: float, cameras: Collection[str] | None = None
    ) -> dict[tuple[int, str], Counter[int]]:
        """The bins of each hour and camera that overlaps a time."""
        chosen = "" if cameras is None else " AND camera IN (SELECT value FROM json_each(?))"
        values = [] if cameras is None else [json.dumps(sorted(cameras))]
        found: dict[tuple[int, str], Counter[int]] = {}
        with self._file.reading() as db:
            rows = db.execute(
                f"SELECT * FROM delays WHERE hour_s > ? AND hour_s < ?{chosen}",  # noqa: S608 - own text
                [since_s - HOUR_S, until_s, *values],
            )
            for hour_s, camera, number, count in rows:
                found.setdefault((hour_s, camera), Counter())[number] += count
        return found

    def prune(self, now_s: float, before_s: float) -> None:  # noqa: ARG002 - as the others
        """Forget the hours before this."""
        with self._file.writing() as db:
            db.execute("DELETE FROM delays WHERE hour_s < ?", [before_s - HOUR_S])
