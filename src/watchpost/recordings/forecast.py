"""How fast recordings grow, and when they have no more room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from watchpost.recordings.index import RecordingIndex

DAY_S: Final = 86_400.0
_WINDOW_S: Final = 7 * DAY_S
_SHORTEST_S: Final = 3600.0
"""Growth is not told from less."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What is there of one camera. Times are wall time."""

    camera: str
    bytes: int
    """Of all files that are complete."""
    oldest_s: float
    newest_s: float
    bytes_a_day: float | None
    """Over the last week, or since the first file of it; `None` while there is less than an hour."""


def growth(index: RecordingIndex, now_s: float) -> list[Growth]:
    """Of each camera that has recordings, by name. Raises `WatchpostError`."""
    lately = {each.camera: each for each in index.totals(now_s - _WINDOW_S)}
    found = []
    for total in index.totals():
        rate = None
        if (recent := lately.get(total.camera)) is not None:
            span_s = now_s - recent.oldest_s
            rate = recent.bytes / span_s * DAY_S if span_s >= _SHORTEST_S else None
        found.append(Growth(total.camera, total.bytes, total.oldest_s, total.newest_s, rate))
    return found


@dataclass(frozen=True, slots=True)
class Flow:
    """What comes of one camera, and for how long before as much goes as comes."""

    bytes_a_day: float
    grows_for_days: float
    """Until its oldest recordings are as old as they are kept; infinite where they are kept for ever."""


def days_until_full(room_bytes: float, flows: Sequence[Flow]) -> float | None:
    """In how many days the room is used up, `None`: never, as deletions by age begin before.

    >>> days_until_full(100, [Flow(10, math.inf), Flow(40, 1)])
    6.0
    """
    ordered = sorted(flows, key=lambda flow: flow.grows_for_days)
    now_days = 0.0
    for index, flow in enumerate(ordered):
        rate = sum(each.bytes_a_day for each in ordered[index:])
        if rate <= 0 or flow.grows_for_days <= now_days:
            continue
        if rate * (flow.grows_for_days - now_days) > room_bytes:
            return now_days + max(0.0, room_bytes) / rate
        room_bytes -= rate * (flow.grows_for_days - now_days)
        now_days = flow.grows_for_days
    return None


def grows_for_days(keep_s: float | None, oldest_s: float | None, now_s: float) -> float:
    """How long a camera's recordings grow before the oldest are too old."""
    if keep_s is None:
        return math.inf
    age_s = 0.0 if oldest_s is None else now_s - oldest_s
    return max(0.0, keep_s - age_s) / DAY_S
