"""How much of each stretch of time was recorded, by camera: out of the index alone, counted by SQLite."""

from __future__ import annotations

from collections.abc import Collection

from watchpost.recordings.archive import Archive
from watchpost.recordings.index import Segment


def recorded_s(
    archive: Archive,
    since_wall_time_s: int,
    until_wall_time_s: int,
    slot_s: int,
    now_wall_time_s: float,
    cameras: Collection[str] | None = None,
) -> dict[str, list[float]]:
    """Seconds that are recorded in each slot of `slot_s` from `since` until `until`, by camera; cameras of which there
    is nothing are left out.

    A gap within a file is taken from the slots of the file evenly: the index knows how long it was, not when. A file
    that is being written lasts until it was written last. Raises `WatchpostError` when the index can not be
    read.
    """
    slots = -(-(until_wall_time_s - since_wall_time_s) // slot_s)
    names = [name for name in archive.index.cameras() if cameras is None or name in cameras]
    found: dict[str, list[float]] = {}
    for name in names:
        seconds = [0.0] * slots
        _add_closed(archive, name, since_wall_time_s, until_wall_time_s, slot_s, seconds)
        for row in archive.index.segments(name, since_wall_time_s, until_wall_time_s, ("open",)):
            end_s = min(_written_s(archive, row), now_wall_time_s)
            _spread(seconds, row.first_wall_time_s - since_wall_time_s, end_s - since_wall_time_s, slot_s, 1.0)
        if any(seconds):
            found[name] = [min(each, float(slot_s)) for each in seconds]
    return found


def _add_closed(archive: Archive, name: str, since_s: int, until_s: int, slot_s: int, seconds: list[float]) -> None:
    for first, last, count, firsts_s, lasts_s in archive.index.slots(name, since_s, until_s, slot_s):
        if first == last:
            seconds[first] += lasts_s - firsts_s
            continue
        seconds[first] += count * (first + 1) * slot_s - firsts_s
        for between in range(first + 1, last):
            seconds[between] += count * slot_s
        if last < len(seconds):
            seconds[last] += lasts_s - count * last * slot_s
    for row in archive.index.with_gaps(name, since_s, until_s):
        length_s = row.last_wall_time_s - row.first_wall_time_s
        share = min(1.0, row.gap_s / length_s) if length_s > 0 else 0.0
        _spread(seconds, row.first_wall_time_s - since_s, row.last_wall_time_s - since_s, slot_s, -share)


def _spread(seconds: list[float], begin_s: float, end_s: float, slot_s: int, weight: float) -> None:
    """Add what each slot has of a stretch, which may reach beyond them."""
    begin_s, end_s = max(begin_s, 0.0), min(end_s, float(len(seconds) * slot_s))
    while begin_s < end_s:
        slot = int(begin_s // slot_s)
        next_s = min(end_s, float((slot + 1) * slot_s))
        seconds[slot] += (next_s - begin_s) * weight
        begin_s = next_s


def _written_s(archive: Archive, row: Segment) -> float:
    try:
        return archive.path(row).stat().st_mtime
    except OSError:
        return row.last_wall_time_s
