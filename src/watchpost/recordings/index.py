"""The index of all recordings: one row a file, in SQLite (WAL); several processes may use it at once.

A row is there before its file and outlives it: what is being written says `open`, what is being deleted says
`garbage`. So after a crash nothing has to be searched for; see `check.py`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal

from watchpost.errors import WatchpostError

_BUSY_TIMEOUT_S: Final = 10.0
_VERSION: Final = 2
_WAL_PAGES: Final = 100
_SCHEMA: Final = """
CREATE TABLE segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    camera TEXT NOT NULL,
    path TEXT NOT NULL UNIQUE,      -- relative to the folder of the recordings
    state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'garbage')),
    first_camera_time_s REAL NOT NULL,
    last_camera_time_s REAL NOT NULL,
    first_wall_time_s REAL NOT NULL,
    last_wall_time_s REAL NOT NULL,
    bytes INTEGER NOT NULL,
    gaps INTEGER NOT NULL,
    gap_s REAL NOT NULL,
    lost INTEGER NOT NULL,
    video TEXT NOT NULL,
    audio TEXT NOT NULL
);
CREATE INDEX segments_by_time ON segments (camera, state, first_wall_time_s, last_wall_time_s, bytes);
CREATE INDEX segments_by_age ON segments (state, first_wall_time_s, last_wall_time_s, camera, bytes);
CREATE TABLE events (
    id TEXT NOT NULL,
    camera TEXT NOT NULL,
    first_wall_time_s REAL NOT NULL,
    last_wall_time_s REAL NOT NULL,
    PRIMARY KEY (camera, id)
) WITHOUT ROWID;
CREATE INDEX events_by_time ON events (camera, last_wall_time_s, first_wall_time_s)
"""
_SECOND: Final = """
CREATE INDEX segments_with_gaps ON segments (camera, first_wall_time_s, last_wall_time_s, gap_s) WHERE gap_s > 0
"""
_STEPS: Final = (_SCHEMA, _SECOND)
"""What a file of each version still needs. A step that was released is never edited."""

SegmentState = Literal["open", "closed", "garbage"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a recording."""

    camera: str
    path: str
    """Relative to the folder of the recordings."""
    state: SegmentState
    first_camera_time_s: float
    last_camera_time_s: float
    first_wall_time_s: float
    last_wall_time_s: float
    bytes: int
    gaps: int = 0
    """Places within it where pictures are missing."""
    gap_s: float = 0.0
    """Seconds that are missing in them."""
    lost: int = 0
    """Packets that came and could not be kept."""
    video: str = ""
    """Codec and size, such as `h264 1280x720`."""
    audio: str = ""
    """Codec of the sound, empty without."""
    id: int = 0
    """Given by the index."""


_CAMERAS: Final = (
    # a few seeks a camera, where DISTINCT would read millions of rows
    "WITH RECURSIVE names (camera) AS (SELECT min(camera) FROM segments UNION ALL"
    " SELECT (SELECT min(camera) FROM segments WHERE camera > names.camera) FROM names WHERE camera IS NOT NULL)"
    " SELECT camera FROM names WHERE camera IS NOT NULL AND EXISTS (SELECT 1 FROM segments"
    " WHERE segments.camera = names.camera AND state IN ('open', 'closed')) ORDER BY camera"
)


@dataclass(frozen=True, slots=True)
class CameraTotal:
    """The complete files of one camera."""

    camera: str
    bytes: int
    oldest_s: float
    """Wall time at which the first begins."""
    newest_s: float
    """Wall time at which the last ends."""


_COLUMNS: Final = tuple(field.name for field in fields(Segment) if field.name != "id")
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)}, id FROM segments"  # noqa: S608 - names of our own


class RecordingIndex:
    """One connection behind a lock.

    Raises `WatchpostError` when the file can not be used, `IndexFullError` on a full disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._errors():
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise WatchpostError(f"the folder of {path} can not be made: {error.strerror}.") from None
            self._db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")  # a full disk has no room for a long one
                self._migrate()
            except BaseException:
                self._db.close()
                raise

    def roll(self, closed: Segment | None, opened: Segment | None) -> int:
        """Bring a finished file's row up to date and add that of the next, in one transaction; the new row's id.

        Returns when both are on the disk.
        """
        with self._transaction() as db:
            if closed is not None:
                self._update(db, closed)
            return 0 if opened is None else self._insert(db, opened)

    def add(self, segments: Iterable[Segment]) -> None:
        """Add rows."""
        with self._transaction() as db:
            for each in segments:
                self._insert(db, each)

    def update(self, segments: Iterable[Segment]) -> None:
        """Bring rows up to date, by their id."""
        with self._transaction() as db:
            for each in segments:
                self._update(db, each)

    def mark_garbage(self, segments: Iterable[Segment]) -> None:
        """From here on they are not found any more; their files may go."""
        with self._transaction() as db:
            db.executemany("UPDATE segments SET state = 'garbage' WHERE id = ?", [(each.id,) for each in segments])

    def forget(self, segments: Iterable[Segment]) -> None:
        """Delete rows: their files have gone."""
        with self._transaction() as db:
            db.executemany("DELETE FROM segments WHERE id = ?", [(each.id,) for each in segments])

    def segments(
        self,
        camera: str | None = None,
        since_wall_time_s: float | None = None,
        until_wall_time_s: float | None = None,
        states: Sequence[SegmentState] = ("open", "closed"),
        limit: int | None = None,
    ) -> list[Segment]:
        """The files of a camera, or all, that overlap a span of wall time, oldest first.

        An open one counts as lasting until now.
        """
        terms, values = [f"state IN ({', '.join('?' * len(states))})"], list[Any](states)
        if camera is not None:
            terms.append("camera = ?")
            values.append(camera)
        if since_wall_time_s is not None:
            terms.append("(last_wall_time_s > ? OR state = 'open')")
            values.append(since_wall_time_s)
        if until_wall_time_s is not None:
            terms.append("first_wall_time_s < ?")
            values.append(until_wall_time_s)
        order = f" WHERE {' AND '.join(terms)} ORDER BY first_wall_time_s, id LIMIT ?"
        return self._rows(_SELECT + order, [*values, -1 if limit is None else limit])

    def oldest(
        self, count: int, *, camera: str | None = None, before_wall_time_s: float | None = None, spared: bool = True
    ) -> list[Segment]:
        """The oldest closed files, at most `count`: those that ended before a time; with `spared`, none that an
        event is kept by."""
        terms, values = ["state = 'closed'"], list[Any]()
        if camera is not None:
            terms.append("camera = ?")
            values.append(camera)
        if before_wall_time_s is not None:
            terms.append("last_wall_time_s < ?")
            values.append(before_wall_time_s)
        if spared:
            terms.append(
                "NOT EXISTS (SELECT 1 FROM events WHERE events.camera = segments.camera"
                " AND events.last_wall_time_s > segments.first_wall_time_s"
                " AND events.first_wall_time_s < segments.last_wall_time_s)"
            )
        order = f" WHERE {' AND '.join(terms)} ORDER BY first_wall_time_s, id LIMIT ?"
        return self._rows(_SELECT + order, [*values, count])

    def slots(
        self, camera: str, since_wall_time_s: int, until_wall_time_s: int, slot_s: int
    ) -> list[tuple[int, int, int, float, float]]:
        """The closed files of a camera that overlap a time, cut to it and counted by the slots of `slot_s` in which
        they begin and end: first slot, last slot, number of files, and the sums of their beginnings and ends, in
        seconds after `since`. Answered by an index alone.
        """
        statement = (
            "WITH files (first_s, last_s) AS (SELECT max(first_wall_time_s - ?1, 0.0), min(last_wall_time_s, ?2) - ?1"
            " FROM segments WHERE camera = ?3 AND state = 'closed'"
            " AND first_wall_time_s < ?2 AND last_wall_time_s > ?1)"
            " SELECT CAST(first_s / ?4 AS INTEGER), CAST(last_s / ?4 AS INTEGER), count(*), sum(first_s), sum(last_s)"
            " FROM files GROUP BY 1, 2"
        )
        values = [since_wall_time_s, until_wall_time_s, camera, float(slot_s)]
        with self._errors(), self._lock:
            return self._db.execute(statement, values).fetchall()

    def with_gaps(self, camera: str, since_wall_time_s: float, until_wall_time_s: float) -> list[Segment]:
        """The closed files of a camera that overlap a time and in which pictures are missing."""
        order = (
            " INDEXED BY segments_with_gaps"
            " WHERE gap_s > 0 AND state = 'closed' AND camera = ? AND first_wall_time_s < ? AND last_wall_time_s > ?"
        )
        return self._rows(_SELECT + order, [camera, until_wall_time_s, since_wall_time_s])

    def cameras(self) -> list[str]:
        """The cameras that have recordings."""
        with self._errors(), self._lock:
            found = self._db.execute(_CAMERAS)
            return [str(name) for (name,) in found]

    def bytes_of_cameras(self) -> dict[str, int]:
        """Bytes of all closed files, by camera."""
        with self._errors(), self._lock:
            statement = "SELECT camera, sum(bytes) FROM segments WHERE state = 'closed' GROUP BY camera"
            return {str(name): int(total) for name, total in self._db.execute(statement)}

    def totals(self, since_wall_time_s: float = 0.0) -> list[CameraTotal]:
        """What there is of each camera in complete files that began at this time or later, by name."""
        with self._errors(), self._lock:
            statement = (
                "SELECT camera, sum(bytes), min(first_wall_time_s), max(last_wall_time_s) FROM segments"
                " WHERE state = 'closed' AND first_wall_time_s >= ? GROUP BY camera ORDER BY camera"
            )
            return [CameraTotal(*row) for row in self._db.execute(statement, [since_wall_time_s])]

    def keep_event(self, event_id: str, camera: str, first_wall_time_s: float, last_wall_time_s: float) -> None:
        """From now on what was recorded in this span is kept as long as events are; an id again replaces its span."""
        with self._transaction() as db:
            row = [event_id, camera, first_wall_time_s, last_wall_time_s]
            db.execute("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?)", row)

    def drop_events(self, camera: str, before_wall_time_s: float) -> None:
        """Forget the spans that ended before this."""
        with self._transaction() as db:
            db.execute("DELETE FROM events WHERE camera = ? AND last_wall_time_s < ?", [camera, before_wall_time_s])

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        with self._lock:
            self._db.close()

    def _rows(self, statement: str, values: Sequence[Any]) -> list[Segment]:
        with self._errors(), self._lock:
            return [Segment(*row) for row in self._db.execute(statement, values)]

    def _insert(self, db: sqlite3.Connection, segment: Segment) -> int:
        marks = ", ".join("?" * len(_COLUMNS))
        statement = f"INSERT INTO segments ({', '.join(_COLUMNS)}) VALUES ({marks})"  # noqa: S608
        return int(db.execute(statement, [getattr(segment, name) for name in _COLUMNS]).lastrowid or 0)

    def _update(self, db: sqlite3.Connection, segment: Segment) -> None:
        changes = ", ".join(f"{name} = ?" for name in _COLUMNS)
        statement = f"UPDATE segments SET {changes} WHERE id = ?"  # noqa: S608
        db.execute(statement, [*(getattr(segment, name) for name in _COLUMNS), segment.id])

    def _migrate(self) -> None:
        with self._transaction() as db:  # another process may make the tables at the same time
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version > _VERSION:
                raise WatchpostError(f"{self._path} was written by a newer Watchpost. Upgrade, or name another folder.")
            for step in _STEPS[version:]:
                for statement in step.split(";"):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors(), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled back already
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_FULL:
                raise IndexFullError(f"{self._path}: the disk is full.") from error
            advice = "make it anew from the files: watchpost check --repair"
            if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise WatchpostError(f"{self._path} is damaged. Move it away and {advice}.") from error
            raise WatchpostError(f"{self._path}: {error}.") from error


class IndexFullError(WatchpostError):
    """There is no room for a change of the index."""
