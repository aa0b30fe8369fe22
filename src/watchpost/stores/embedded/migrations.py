"""The schema of the SQLite store, as numbered steps: `PRAGMA user_version` counts those that were taken.

A step that was released is never edited; a change of the schema is a further step: a statement, or a function that
works on the data.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Final

from watchpost.errors import WatchpostError
from watchpost.stores.embedded.events import insert_events
from watchpost.types import Event, Moment

Step = tuple[str | Callable[[sqlite3.Connection], None], ...]
_WORDS: Final = "CREATE VIRTUAL TABLE {} USING fts5 (words, tokenize = \"ascii tokenchars '.:='\")"
"""The words were cut by `query.words`; FTS5 only has to keep them whole."""


def _move_events(db: sqlite3.Connection) -> None:
    """The events of the first schema, into the second one."""
    rows = db.execute(
        "SELECT id, camera, rule, kind, class_name, track_id, start_camera_time_s, start_wall_time_s,"
        " end_camera_time_s, end_wall_time_s, score, box, zone, attributes FROM old_events"
    )
    while batch := rows.fetchmany(1000):
        events = []
        for event_id, camera, rule, kind, class_name, track_id, *rest in batch:
            start, end = Moment(rest[0], rest[1]), Moment(rest[2], rest[3])
            box = None if rest[5] is None else tuple(json.loads(rest[5]))
            attributes = json.loads(rest[7])
            events.append(
                Event(event_id, camera, rule, kind, class_name, track_id, start, end, rest[4], box, rest[6], attributes)
            )
        insert_events(db, events)


MIGRATIONS: Final[tuple[Step, ...]] = (
    (
        """
        CREATE TABLE events (
            id TEXT PRIMARY KEY,
            camera TEXT NOT NULL,
            rule TEXT NOT NULL,
            kind TEXT NOT NULL,
            class_name TEXT NOT NULL,
            track_id INTEGER,
            start_camera_time_s REAL NOT NULL,
            start_wall_time_s REAL NOT NULL,
            end_camera_time_s REAL NOT NULL,
            end_wall_time_s REAL NOT NULL,
            score REAL NOT NULL,
            box TEXT,           -- JSON: [left, top, right, bottom]
            zone TEXT,
            attributes TEXT NOT NULL,   -- JSON object
            words TEXT NOT NULL         -- what the text filter looks through, casefolded
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE snapshots (
            event_id TEXT PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
            bytes INTEGER NOT NULL,
            jpeg BLOB NOT NULL
        )
        """,
        "CREATE INDEX snapshots_by_age ON snapshots (event_id, bytes)",
    ),
    (
        "ALTER TABLE events RENAME TO old_events",
        "ALTER TABLE snapshots RENAME TO old_snapshots",
        """
        CREATE TABLE events (
            key INTEGER PRIMARY KEY,    -- the microsecond of the end * 2048 + a number: see events_table.py
            id TEXT NOT NULL UNIQUE,
            camera TEXT NOT NULL,
            rule TEXT NOT NULL,
            kind TEXT NOT NULL,
            class_name TEXT NOT NULL,
            track_id INTEGER,
            start_camera_time_s REAL NOT NULL,
            start_wall_us INTEGER NOT NULL,     -- microseconds since 1970, UTC
            end_camera_time_s REAL NOT NULL,
            end_wall_us INTEGER NOT NULL,
            duration_s REAL NOT NULL,
            score REAL NOT NULL,
            box TEXT,           -- JSON: [left, top, right, bottom]
            zone TEXT,
            attributes TEXT NOT NULL    -- JSON object
        )
        """,
        "CREATE INDEX events_by_start ON events ((start_wall_us / 1000))",
        _WORDS.format("events_words"),
        # how far apart start and end of any event are: a range over one is a range over the other
        "CREATE TABLE event_lengths (shortest_us INTEGER NOT NULL, longest_us INTEGER NOT NULL)",
        "INSERT INTO event_lengths VALUES (0, 0)",
        """
        CREATE TABLE snapshots (
            event_id TEXT PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
            bytes INTEGER NOT NULL,
            jpeg BLOB NOT NULL
        )
        """,
        _move_events,
        "INSERT INTO snapshots SELECT event_id, bytes, jpeg FROM old_snapshots",
        "DROP TABLE old_snapshots",
        "DROP TABLE old_events",
        "CREATE INDEX snapshots_by_age ON snapshots (event_id, bytes)",
        # what is written through Elasticsearch's dialect
        """
        CREATE TABLE indices (
            number INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            uuid TEXT NOT NULL,
            created_ms INTEGER NOT NULL,
            settings TEXT NOT NULL,     -- JSON object, kept and shown
            mapping TEXT NOT NULL,      -- JSON object
            sequence INTEGER NOT NULL DEFAULT 0
        )
        """,
        """
        CREATE TABLE documents (
            key INTEGER PRIMARY KEY AUTOINCREMENT,
            index_number INTEGER NOT NULL REFERENCES indices (number),
            id TEXT NOT NULL,
            version INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            source TEXT NOT NULL,       -- JSON object
            UNIQUE (index_number, id)
        )
        """,
        """
        CREATE TABLE document_values (
            field TEXT NOT NULL,
            value NOT NULL,
            key INTEGER NOT NULL,
            PRIMARY KEY (field, value, key)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX document_values_by_key ON document_values (key, field, value)",
        _WORDS.format("documents_words"),
        "CREATE TABLE index_templates (name TEXT PRIMARY KEY, body TEXT NOT NULL)",
    ),
)


def migrate(db: sqlite3.Connection, path: object) -> None:
    """Bring the schema up to date, all steps in one transaction; `db` is in autocommit mode.

    Raises `WatchpostError` when a newer Watchpost wrote it.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > len(MIGRATIONS):
            raise WatchpostError(
                f"{path} was written by a newer Watchpost (schema {version}, this one knows {len(MIGRATIONS)})."
                " Upgrade Watchpost, or name another store."
            )
        for step in MIGRATIONS[version:]:
            for part in step:
                if isinstance(part, str):
                    db.execute(part)
                else:
                    part(db)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
