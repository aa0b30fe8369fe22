"""Events in one SQLite file.

Snapshots are in the same file: an event and its picture are kept, pruned, copied and backed up as one, and
SQLite reads blobs of a picture's size as fast as a folder of files does (sqlite.org/fasterthanfs.html).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from watchpost.clock import Clock, SystemClock
from watchpost.options import Options as PluginOptions
from watchpost.options import Seconds
from watchpost.stores import EventFilter, events_of
from watchpost.stores.embedded.connection import Connections
from watchpost.stores.embedded.events import delete_events, insert_events, load_events, wall_lengths_us
from watchpost.stores.embedded.events_table import EventsTable, key_at
from watchpost.stores.embedded.indices import Indices
from watchpost.stores.embedded.migrations import migrate
from watchpost.stores.embedded.search import run_search
from watchpost.stores.query import parse_search
from watchpost.types import Event

_PRUNE_AT_ONCE: Final = 500
"""Events deleted in one transaction, so that a long pruning lets writers through."""


class Options(PluginOptions):
    """The embedded store."""

    path: Path = Path("watchpost.db")
    """The database file; its folder is made where it is missing, for its owner alone."""
    snapshots_mb: int = Field(default=2000, ge=0)
    """Megabytes of snapshots to keep; the oldest give way, their events stay."""
    search_timeout: Seconds = Field(default=10.0, gt=0, le=600)
    """A search that takes longer is ended with an error."""


class SqliteStore:
    """The event store in one file, and the indices that others keep in it. See `stores.EventStore`.

    Raises `WatchpostError` when the file can not be used.
    """

    def __init__(self, options: Options, clock: Clock | None = None) -> None:
        self._snapshot_limit = options.snapshots_mb * 1_000_000
        self._clock = clock or SystemClock()
        self._connections = Connections(options.path, options.search_timeout)
        try:
            with self._connections.errors():
                migrate(self._connections.writer, options.path)
                self._connections.writer.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            self._connections.close()
            raise
        self.indices = Indices(self._connections, self._clock)
        """Indices beside that of the events, for the dialect of Elasticsearch."""

    def add(self, events: Iterable[Event]) -> None:
        """Keep events; an id that is there already is replaced. Returns when they are on disk."""
        events = list(events)
        pictures = [(event.id, len(event.snapshot), event.snapshot) for event in events if event.snapshot is not None]
        with self._connections.writing() as db:
            insert_events(db, events)
            if pictures:
                db.executemany("INSERT OR REPLACE INTO snapshots (event_id, bytes, jpeg) VALUES (?, ?, ?)", pictures)
                self._drop_old_snapshots(db)

    def search(self, query: EventFilter) -> list[Event]:
        """The events that fit, without snapshots."""
        return events_of(query, self.query)

    def query(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a search in Elasticsearch's Query DSL, in Elasticsearch's shape. Raises `QueryError`."""
        search = parse_search(body)
        with self._connections.reading() as db:
            table = EventsTable(*wall_lengths_us(db))
            return run_search(db, table, lambda keys: load_events(db, keys), search, self._now_ms())

    def snapshot(self, event_id: str) -> bytes | None:
        """The JPEG of an event, `None` where there is none."""
        with self._connections.reading() as db:
            row = db.execute("SELECT jpeg FROM snapshots WHERE event_id = ?", [event_id]).fetchone()
        return None if row is None else bytes(row[0])

    def prune(self, before_wall_time_s: float) -> int:
        """Delete the events that ended before this, and their snapshots; returns how many."""
        before_us = round(before_wall_time_s * 1e6)
        pruned = 0
        while True:
            with self._connections.writing() as db:
                found = db.execute(
                    "SELECT key FROM events WHERE key < ? AND end_wall_us < ? ORDER BY key LIMIT ?",
                    [key_at(before_us + 1_000_000), before_us, _PRUNE_AT_ONCE],
                ).fetchall()
                delete_events(db, [key for (key,) in found])
            pruned += len(found)
            if len(found) < _PRUNE_AT_ONCE:
                break
        if pruned:
            # a script steps it to its end; a plain statement would free one page
            self._connections.script("PRAGMA incremental_vacuum")
        return pruned

    def close(self) -> None:
        """Finish writing and let go of the files. Safe to call twice."""
        self._connections.close()

    def _now_ms(self) -> int:
        return int(self._clock.wall_time_s() * 1000)

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


def create(options: Options, clock: Clock | None = None) -> SqliteStore:
    """Open the store, or make it. Raises `WatchpostError` when the file can not be used."""
    return SqliteStore(options, clock)
