"""The schema of the SQLite store, as numbered steps: `PRAGMA user_version` counts those that were taken.

A step that was released is never edited; a change of the schema is a further step.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from watchpost.errors import WatchpostError

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
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
        # start_wall_time_s in each index: a time window is decided without reading the rows
        "CREATE INDEX events_by_time ON events (end_wall_time_s, start_wall_time_s)",
        "CREATE INDEX events_by_camera ON events (camera, end_wall_time_s, start_wall_time_s)",
        "CREATE INDEX events_by_class ON events (class_name, end_wall_time_s, start_wall_time_s)",
        "CREATE INDEX events_by_kind ON events (kind, end_wall_time_s, start_wall_time_s)",
        """
        CREATE TABLE snapshots (
            event_id TEXT PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
            bytes INTEGER NOT NULL,
            jpeg BLOB NOT NULL
        )
        """,
        "CREATE INDEX snapshots_by_age ON snapshots (event_id, bytes)",
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
            for statement in step:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
