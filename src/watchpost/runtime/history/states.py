"""How each camera was, and when: the answer to "which cameras were blind on Sunday"."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from watchpost.runtime.history.file import HistoryFile

SEEING: Final = "live"
"""The one state in which a camera shows what goes on."""


@dataclass(frozen=True, slots=True)
class StateSpan:
    """A camera in one state."""

    camera: str
    since_s: float
    """Wall time, in seconds since 1970-01-01 UTC."""
    until_s: float
    """When it ended; of one that goes on, when that was last known."""
    state: str
    """One of `CameraState`."""
    reason: str
    """What went wrong, as it was told when the state began; for `blind` a key: `dark`, `covered`, `frozen`."""


class StateHistory:
    """Spans of states that follow one another. Between two of them the server did not run, or not this camera."""

    def __init__(self, file: HistoryFile) -> None:
        self._file = file

    def resume(self) -> None:
        """At the start of a server: whatever went on when the last one ended, ended then."""
        with self._file.writing() as db:
            db.execute("UPDATE states SET is_open = 0 WHERE is_open")

    def begin(self, camera: str, at_s: float, state: str, reason: str) -> None:
        """A camera is in another state from now on."""
        with self._file.writing() as db:
            db.execute(
                "UPDATE states SET until_s = max(since_s, ?), is_open = 0 WHERE camera = ? AND is_open", [at_s, camera]
            )
            row = [camera, at_s, at_s, state, reason]
            db.execute("INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?, 1)", row)

    def end(self, cameras: Iterable[str], at_s: float) -> None:
        """These cameras run no more."""
        with self._file.writing() as db:
            db.executemany(
                "UPDATE states SET until_s = max(since_s, ?), is_open = 0 WHERE camera = ? AND is_open",
                [(at_s, camera) for camera in cameras],
            )

    def go_on(self, at_s: float) -> None:
        """All that has begun still holds: what is known after a crash is what was told here last."""
        with self._file.writing() as db:
            db.execute("UPDATE states SET until_s = max(until_s, ?) WHERE is_open", [at_s])

    def between(self, since_s: float, until_s: float, cameras: Collection[str] | None = None) -> list[StateSpan]:
        """The spans that overlap a time, cut to it, by camera and time; of these cameras, or of all."""
        chosen = "" if cameras is None else " AND camera IN (SELECT value FROM json_each(?))"
        values = [] if cameras is None else [json.dumps(sorted(cameras))]
        with self._file.reading() as db:
            rows = db.execute(
                "SELECT camera, max(since_s, ?), min(until_s, ?), state, reason FROM states"  # noqa: S608 - own text
                f" WHERE until_s > ? AND since_s < ?{chosen} ORDER BY camera, since_s",
                [since_s, until_s, since_s, until_s, *values],
            ).fetchall()
        return [StateSpan(*row) for row in rows]

    def known_since(self) -> dict[str, float]:
        """When what is kept of each camera begins."""
        with self._file.reading() as db:
            return dict(db.execute("SELECT camera, min(since_s) FROM states GROUP BY camera").fetchall())

    def prune(self, now_s: float, before_s: float) -> None:  # noqa: ARG002 - as the others
        """Forget what ended before this."""
        with self._file.writing() as db:
            db.execute("DELETE FROM states WHERE until_s < ? AND NOT is_open", [before_s])
