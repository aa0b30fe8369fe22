"""Events in one SQLite file.

Snapshots are in the same file: an event and its picture are kept, pruned, copied and backed up as one, and
SQLite reads blobs of a picture's size as fast as a folder of files does (sqlite.org/fasterthanfs.html).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from watchpost.errors import WatchpostError
from watchpost.event_json import event_to_json
from watchpost.options import Options as PluginOptions
from watchpost.stores import EventFilter
from watchpost.stores._migrations import migrate
from watchpost.types import Event, Moment

_PRUNE_AT_ONCE: Final = 500
"""Events deleted in one transaction, so that a long pruning lets writers through."""
_BUSY_TIMEOUT_S: Final = 10.0
_MAX_ROWS: Final = (1 << 63) - 1
_COLUMNS: Final = (
    "id, camera, rule, kind, class_name, track_id, start_camera_time_s, start_wall_time_s,"
    " end_camera_time_s, end_wall_time_s, score, box, zone, attributes"
)


class Options(PluginOptions):
    """The embedded store."""

    path: Path = Path("watchpost.db")
    """The database file; its folder is made where it is missing, for its owner alone."""
    snapshots_mb: int = Field(default=2000, ge=0)
    """Megabytes of snapshots to keep; the oldest give way, their events stay."""


class SqliteStore:
    """One writing connection behind a lock; readers open their own and never wait for it (WAL).

    Raises `WatchpostError` when the file can not be used.
    """

    def __init__(self, options: Options) -> None:
        self._path = options.path
        self._snapshot_limit = options.snapshots_mb * 1_000_000
        self._lock = threading.Lock()
        self._is_closed = False
        with self._errors():
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # pictures of people
            except OSError as error:
                raise WatchpostError(f"the folder of {self._path} can not be made: {error.strerror}.") from None
            self._db = self._connect()
            try:
                # before the first table exists: pruning then gives pages back to the disk
                self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("PRAGMA foreign_keys = ON")
                migrate(self._db, self._path)
            except BaseException:
                self._db.close()
                raise

    def add(self, events: Iterable[Event]) -> None:
        """Keep events; an id that is there already is replaced. Returns when they are on disk."""
        events = list(events)
        rows = [_row(event) for event in events]
        pictures = [(event.id, len(event.snapshot), event.snapshot) for event in events if event.snapshot is not None]
        marks = ", ".join("?" * 15)
        with self._transaction() as db:
            db.executemany(
                f"INSERT OR REPLACE INTO events ({_COLUMNS}, words) VALUES ({marks})",  # noqa: S608
                rows,
            )
            if pictures:
                db.executemany("INSERT OR REPLACE INTO snapshots (event_id, bytes, jpeg) VALUES (?, ?, ?)", pictures)
                self._drop_old_snapshots(db)

    def search(self, query: EventFilter) -> list[Event]:
        """The events that fit, without snapshots."""
        where, values = _where(query)
        order = "DESC" if query.newest_first else "ASC"
        statement = (
            f"SELECT {_COLUMNS} FROM events WHERE {where}"  # noqa: S608  `where` holds names and marks alone
            f" ORDER BY end_wall_time_s {order}, start_wall_time_s {order}, id {order} LIMIT ?"
        )
        limit = min(max(0, query.limit), _MAX_ROWS)
        with self._errors(), closing(self._connect()) as db:
            try:
                return [_event(row) for row in db.execute(statement, [*values, limit])]
            except UnicodeEncodeError:  # bytes of a terminal that are no text: no event has such words
                return []

    def snapshot(self, event_id: str) -> bytes | None:
        """The JPEG of an event, `None` where there is none."""
        with self._errors(), closing(self._connect()) as db:
            row = db.execute("SELECT jpeg FROM snapshots WHERE event_id = ?", [event_id]).fetchone()
        return None if row is None else bytes(row[0])

    def prune(self, before_wall_time_s: float) -> int:
        """Delete the events that ended before this, and their snapshots; returns how many."""
        pruned = 0
        while True:
            with self._transaction() as db:
                found = db.execute(
                    "SELECT id FROM events WHERE end_wall_time_s < ? LIMIT ?",
                    [before_wall_time_s, _PRUNE_AT_ONCE],
                ).fetchall()
                db.executemany("DELETE FROM events WHERE id = ?", found)
            pruned += len(found)
            if len(found) < _PRUNE_AT_ONCE:
                break
        if pruned:
            with self._lock, self._errors():
                # `executescript` steps it to its end; `execute` would free one page
                self._db.executescript("PRAGMA incremental_vacuum")
        return pruned

    def close(self) -> None:
        """Finish writing and let go of the files. Safe to call twice."""
        with self._lock:
            self._is_closed = True
            self._db.close()

    def _connect(self) -> sqlite3.Connection:
        if self._is_closed:
            raise WatchpostError(f"the store {self._path} is closed.")
        return sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors():
            if self._is_closed:
                raise WatchpostError(f"the store {self._path} is closed.")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled back already
                    self._db.execute("ROLLBACK")
                raise

    def _drop_old_snapshots(self, db: sqlite3.Connection) -> None:
        total = int(db.execute("SELECT coalesce(sum(bytes), 0) FROM snapshots").fetchone()[0])
        excess = total - self._snapshot_limit
        if excess <= 0:
            return
        oldest = []
        for event_id, size in db.execute("SELECT event_id, bytes FROM snapshots ORDER BY event_id"):
            oldest.append((event_id,))
            excess -= size
            if excess <= 0:
                break
        db.executemany("DELETE FROM snapshots WHERE event_id = ?", oldest)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn SQLite's errors into one line that says what to do."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            raise WatchpostError(f"{self._path}: {_ADVICE.get(code, str(error))}") from error


_ADVICE: Final = {
    sqlite3.SQLITE_NOTADB: "this is not a Watchpost store. Move the file away or name another one.",
    sqlite3.SQLITE_CORRUPT: "the store is damaged. Restore a copy, or rescue it with: sqlite3 FILE .recover",
    sqlite3.SQLITE_READONLY: "the store can not be written. Give its file and folder to Watchpost's user.",
    sqlite3.SQLITE_PERM: "the store can not be written. Give its file and folder to Watchpost's user.",
    sqlite3.SQLITE_CANTOPEN: "the store can not be opened. Check that its folder exists and may be written.",
    sqlite3.SQLITE_FULL: "the disk is full. Make room; what was reported as kept is safe.",
    sqlite3.SQLITE_IOERR: "the disk does not read or write. Check it, and the room left on it.",
    sqlite3.SQLITE_BUSY: "another program holds the store. Find and end it.",
}


def _row(event: Event) -> tuple[Any, ...]:
    said = event_to_json(event)
    words = [event.camera, event.rule, event.kind, event.class_name, event.zone or ""]
    for name, value in event.attributes.items():
        words += [name, str(value)]
    return (
        *(said[name] for name in ("id", "camera", "rule", "kind", "class_name", "track_id")),
        *(said[moment][clock] for moment in ("start", "end") for clock in ("camera_time_s", "wall_time_s")),
        said["score"],
        None if said["box"] is None else json.dumps(said["box"]),
        said["zone"],
        json.dumps(said["attributes"], ensure_ascii=False),
        "\n".join(words).casefold(),
    )


def _event(row: tuple[Any, ...]) -> Event:
    box = None if row[11] is None else json.loads(row[11])
    return Event(
        id=row[0],
        camera=row[1],
        rule=row[2],
        kind=row[3],
        class_name=row[4],
        track_id=row[5],
        start=Moment(row[6], row[7]),
        end=Moment(row[8], row[9]),
        score=row[10],
        box=None if box is None else (box[0], box[1], box[2], box[3]),
        zone=row[12],
        attributes=json.loads(row[13]),
    )


def _where(query: EventFilter) -> tuple[str, list[Any]]:
    """The condition, and the values for its marks."""
    terms, values = ["1"], list[Any]()
    for column, wanted in (
        ("camera", query.cameras),
        ("class_name", query.class_names),
        ("kind", query.kinds),
    ):
        if wanted:
            terms.append(f"{column} IN ({', '.join('?' * len(wanted))})")
            values += sorted(wanted)
    if query.since_wall_time_s is not None:
        terms.append("end_wall_time_s >= ?")
        values.append(query.since_wall_time_s)
    if query.until_wall_time_s is not None:
        terms.append("start_wall_time_s < ?")
        values.append(query.until_wall_time_s)
    for word in (query.text or "").casefold().split():
        terms.append("instr(words, ?) > 0")
        values.append(word)
    return " AND ".join(terms), values


def create(options: Options) -> SqliteStore:
    """Open the store, or make it. Raises `WatchpostError` when the file can not be used."""
    return SqliteStore(options)
