"""Which cameras saw and recorded what share of the time: the matrix of what is missing. Pure functions."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import groupby, pairwise
from typing import Any, Final, Literal

from watchpost.recordings import coverage
from watchpost.recordings.archive import Archive
from watchpost.runtime.history.states import SEEING, StateSpan
from watchpost.stores.query.errors import illegal

Step = Literal["hour", "day"]
MOST_STEPS: Final = 1000


def edges(since_s: float, until_s: float, step: Step, zone: tzinfo) -> list[int]:
    """Where the steps that overlap a time begin, in the hours or days of a zone, and where the last one ends: whole
    seconds since 1970. Raises `QueryError` for a time that is none, or of more than 1000 steps."""
    if since_s >= until_s:
        raise illegal("until is not after since")
    if (until_s - since_s) / (3600 if step == "hour" else 86_400) > MOST_STEPS:
        raise illegal(f"at most {MOST_STEPS} steps are told at once; ask for a shorter time, or for days")
    if step == "hour":
        # zones are not all whole hours apart
        offset_s = int((datetime.fromtimestamp(since_s, zone).utcoffset() or timedelta()).total_seconds()) % 3600
        first_s = math.floor((since_s + offset_s) / 3600) * 3600 - offset_s
        return [first_s + number * 3600 for number in range(math.ceil((until_s - first_s) / 3600) + 1)]
    found, day = list[int](), datetime.fromtimestamp(since_s, zone).date()
    while not found or found[-1] < until_s:
        found.append(int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()))
        day += timedelta(days=1)
    return found


def recorded_s(
    archive: Archive, bounds: Sequence[int], now_s: float, cameras: Collection[str] | None = None
) -> dict[str, list[float]]:
    """Seconds that are recorded in each step, by camera. Raises `WatchpostError` when the index can not be read."""
    found: dict[str, list[float]] = {}
    done = 0
    # days are of one length but for two in a year
    for span_s, group in groupby(end - begin for begin, end in pairwise(bounds)):
        steps = len(list(group))
        part = coverage.recorded_s(archive, bounds[done], bounds[done + steps], span_s, now_s, cameras)
        for camera, seconds in part.items():
            found.setdefault(camera, [0.0] * (len(bounds) - 1))[done : done + steps] = seconds
        done += steps
    return found


def state_s(spans: Iterable[StateSpan], bounds: Sequence[int]) -> dict[str, list[dict[str, float]]]:
    """Seconds of each state in each step, by camera."""
    steps = len(bounds) - 1
    found: dict[str, list[dict[str, float]]] = {}
    for span in spans:
        cells = found.setdefault(span.camera, [{} for _ in range(steps)])
        number = max(0, bisect_right(bounds, span.since_s) - 1)
        while number < steps and bounds[number] < span.until_s:
            lasts_s = min(span.until_s, bounds[number + 1]) - max(span.since_s, bounds[number])
            if lasts_s > 0:
                cells[number][span.state] = cells[number].get(span.state, 0.0) + lasts_s
            number += 1
    return found


def matrix(
    bounds: Sequence[int],
    now_s: float,
    states: Mapping[str, Sequence[Mapping[str, float]]],
    recorded: Mapping[str, Sequence[float]],
    known_since_s: Mapping[str, float],
) -> list[dict[str, Any]]:
    """A row a camera: the share of each step in which it was `live`, `blind` (connected and shown nothing), and was
    recorded; all 0-1 of the part of the step that has passed. `None` for a step that has not begun, and where nothing
    is known of the camera yet.

    The rest of a step the camera was being connected, or the server did not run.
    """
    rows = []
    for camera in sorted(states.keys() | recorded.keys()):
        row: dict[str, Any] = {"camera": camera, "live": [], "blind": [], "recorded": []}
        oldest = next((number for number, each in enumerate(recorded.get(camera, ())) if each), len(bounds))
        for number, (begin, end) in enumerate(pairwise(bounds)):
            passed_s = min(end, now_s) - begin
            here = states[camera][number] if camera in states else {}
            written_s = recorded[camera][number] if camera in recorded else 0.0
            seconds_of = {name: here.get(name, 0.0) for name in (SEEING, "blind")} | {"recorded": written_s}
            for name, seconds in seconds_of.items():
                was_there = known_since_s.get(camera, math.inf) < end or (name == "recorded" and number >= oldest)
                is_known = passed_s > 0 and was_there
                row[name].append(round(min(1.0, seconds / passed_s), 4) if is_known else None)
        rows.append(row)
    return rows
