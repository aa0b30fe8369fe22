"""Figures over time: one value a minute, thinned with age to ten minutes and to hours."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from watchpost.runtime.history.file import HistoryFile

MINUTE_S: Final = 60
_LADDER: Final = ((60, 2 * 86_400), (600, 30 * 86_400), (3600, None))
"""Seconds that a value stands for, and for how long such values are kept; `None`: as long as the history."""
MOST_POINTS: Final = 1500
"""Of one figure in an answer."""


@dataclass(frozen=True, slots=True)
class Series:
    """One figure over time; what is missing in it was not measured."""

    name: str
    at_s: tuple[int, ...]
    """When each step began, in seconds since 1970-01-01 UTC."""
    mean: tuple[float, ...]
    most: tuple[float, ...]
    """The highest minute within each step."""


class FigureHistory:
    """Figures by name."""

    def __init__(self, file: HistoryFile) -> None:
        self._file = file

    def keep(self, at_s: float, figures: Mapping[str, float]) -> None:
        """Keep the figures of the minute that begins at or before `at_s`; longer steps follow by themselves."""
        minute_s = int(at_s) // MINUTE_S * MINUTE_S
        with self._file.writing() as db:
            rows = [(MINUTE_S, name, minute_s, value, value) for name, value in figures.items()]
            db.executemany("INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?, ?)", rows)
            for step_s, _ in _LADDER[1:]:
                begin_s = minute_s // step_s * step_s
                # the step that goes on is there as well, as far as it has come: there is no moment to miss
                db.execute(
                    "INSERT OR REPLACE INTO figures SELECT ?, name, ?, avg(mean), max(most) FROM figures"
                    " WHERE step_s = ? AND name IN (SELECT value FROM json_each(?)) AND at_s >= ? AND at_s < ?"
                    " GROUP BY name",
                    [step_s, begin_s, MINUTE_S, json.dumps(list(figures)), begin_s, begin_s + step_s],
                )

    def between(
        self, since_s: float, until_s: float, now_s: float, names: Collection[str] | None = None
    ) -> tuple[int, list[Series]]:
        """The seconds of a step and the series of a time, by name; the finest step that is kept and not too long."""
        step_s = _step(since_s, until_s, now_s)
        with self._file.reading() as db:
            known = [str(name) for (name,) in db.execute(_NAMES, [step_s])]
            wanted = known if names is None else [name for name in known if name in names]
            return step_s, [
                Series(name, *_columns(db.execute(_SERIES, [step_s, name, since_s - step_s, until_s]).fetchall()))
                for name in wanted
            ]

    def prune(self, now_s: float, before_s: float) -> None:
        """Forget what is too old, each step in its time."""
        with self._file.writing() as db:
            for step_s, kept_s in _LADDER:
                limit_s = before_s if kept_s is None else max(before_s, now_s - kept_s)
                db.execute("DELETE FROM figures WHERE step_s = ? AND at_s < ?", [step_s, limit_s])


_NAMES: Final = (
    # one seek a name, where DISTINCT would read every row (sqlite.org/lang_with.html, "Recursive query examples")
    "WITH RECURSIVE names (name) AS (SELECT min(name) FROM figures WHERE step_s = ?1 UNION ALL"
    " SELECT (SELECT min(name) FROM figures WHERE step_s = ?1 AND name > names.name) FROM names WHERE name IS NOT NULL)"
    " SELECT name FROM names WHERE name IS NOT NULL"
)
_SERIES: Final = (
    "SELECT at_s, mean, most FROM figures WHERE step_s = ? AND name = ? AND at_s > ? AND at_s < ? ORDER BY at_s"
)


def _step(since_s: float, until_s: float, now_s: float) -> int:
    for step_s, kept_s in _LADDER:
        is_kept = kept_s is None or since_s >= now_s - kept_s
        if is_kept and (until_s - since_s) / step_s <= MOST_POINTS:
            return step_s
    return _LADDER[-1][0]


def _columns(
    rows: list[tuple[int, float, float]],
) -> tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]:
    return tuple(row[0] for row in rows), tuple(row[1] for row in rows), tuple(row[2] for row in rows)
