"""Where people stood, kept: grids by the hour for a while, by the day after that."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

import numpy as np

from watchpost.runtime.footprints import COLUMNS, HOUR_S, ROWS, Footprint, Grid
from watchpost.runtime.history.file import HistoryFile

DAY_S: Final = 86_400
_HOURS_FOR_S: Final = 7 * DAY_S
"""How long hours are kept apart."""
_CELLS: Final = "SELECT cells FROM footprints WHERE camera = ? AND at_s = ? AND span_s = ?"


class FootprintHistory:
    """Grids of seconds by camera and time."""

    def __init__(self, file: HistoryFile) -> None:
        self._file = file

    def add(self, footprints: Iterable[Footprint]) -> None:
        """Add to the hours that they belong to."""
        with self._file.writing() as db:
            for each in footprints:
                key = (each.camera, each.hour_s, HOUR_S)
                row = db.execute(_CELLS, key).fetchone()
                seconds = each.seconds if row is None else _grid(row[0]) + each.seconds
                db.execute("INSERT OR REPLACE INTO footprints VALUES (?, ?, ?, ?)", (*key, _packed(seconds)))

    def between(self, camera: str, since_s: float, until_s: float) -> Grid:
        """All of a time: of the hours, or where it is old of the days, that overlap it."""
        total = np.zeros((ROWS, COLUMNS), np.float32)
        with self._file.reading() as db:
            rows = db.execute(
                "SELECT cells FROM footprints WHERE camera = ? AND at_s > ? AND at_s < ? AND at_s + span_s > ?",
                (camera, since_s - DAY_S, until_s, since_s),
            )
            for (cells,) in rows:
                total += _grid(cells)
        return total

    def prune(self, now_s: float, before_s: float) -> None:
        """Forget what is too old; make days of the hours that are old."""
        limit_s = int(now_s - _HOURS_FOR_S) // DAY_S * DAY_S
        with self._file.writing() as db:
            db.execute("DELETE FROM footprints WHERE at_s + span_s < ?", (before_s,))
            hours = db.execute(
                "SELECT camera, at_s, cells FROM footprints WHERE span_s = ? AND at_s < ?", (HOUR_S, limit_s)
            ).fetchall()
            days: dict[tuple[str, int], Grid] = {}
            for camera, at_s, cells in hours:
                key = camera, at_s // DAY_S * DAY_S
                if key not in days:  # an hour may come late, when its day is there already
                    known = db.execute(_CELLS, (*key, DAY_S)).fetchone()
                    days[key] = np.zeros((ROWS, COLUMNS), np.float32) if known is None else _grid(known[0])
                days[key] = days[key] + _grid(cells)
            for (camera, day_s), seconds in days.items():
                row = (camera, day_s, DAY_S, _packed(seconds))
                db.execute("INSERT OR REPLACE INTO footprints VALUES (?, ?, ?, ?)", row)
            db.execute("DELETE FROM footprints WHERE span_s = ? AND at_s < ?", (HOUR_S, limit_s))


def _packed(seconds: Grid) -> bytes:
    return zlib.compress(seconds.astype("<f4").tobytes(), 1)


def _grid(cells: bytes) -> Grid:
    return np.frombuffer(zlib.decompress(cells), "<f4").reshape(ROWS, COLUMNS).astype(np.float32)
