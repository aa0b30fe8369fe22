"""The history's SQLite file: its schema, one connection, and errors that say what to do."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from watchpost.errors import WatchpostError

_BUSY_TIMEOUT_S: Final = 10.0
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE states (
    camera TEXT NOT NULL,
    since_s REAL NOT NULL,          -- wall time, seconds since 1970-01-01 UTC, as all times here
    until_s REAL NOT NULL,          -- of one that goes on: when it was last known to
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    is_open INTEGER NOT NULL,
    PRIMARY KEY (camera, since_s)
) WITHOUT ROWID;
CREATE INDEX states_by_end ON states (until_s);
CREATE INDEX open_states ON states (camera) WHERE is_open;
CREATE TABLE figures (
    step_s INTEGER NOT NULL,
    name TEXT NOT NULL,
    at_s INTEGER NOT NULL,          -- beginning of the step
    mean REAL NOT NULL,
    most REAL NOT NULL,
    PRIMARY KEY (step_s, name, at_s)
) WITHOUT ROWID;
CREATE TABLE delays (
    hour_s INTEGER NOT NULL,
    camera TEXT NOT NULL,
    bin INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (hour_s, camera, bin)
) WITHOUT ROWID;
CREATE TABLE footprints (
    camera TEXT NOT NULL,
    at_s INTEGER NOT NULL,
    span_s INTEGER NOT NULL,        -- an hour, or a day of UTC
    cells BLOB NOT NULL,            -- zlib of 27 x 48 little-endian float32
    PRIMARY KEY (camera, at_s, span_s)
)
"""


class HistoryFile:
    """One connection behind a lock. Raises `WatchpostError` when the file can not be used."""

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
                # a power cut may cost the last minutes, never the file
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._migrate()
            except BaseException:
                self._db.close()
                raise

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is kept, or nothing."""
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
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for as long as rows are fetched."""
        with self._errors(), self._lock:
            yield self._db

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        with self._lock:
            self._db.close()

    def _migrate(self) -> None:
        with self.writing() as db:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version > _VERSION:
                raise WatchpostError(f"{self._path} was written by a newer Watchpost. Upgrade, or move it away.")
            if version < _VERSION:
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise WatchpostError(f"{self._path} is damaged. Move it away; a new one is made.") from error
            raise WatchpostError(f"{self._path}: {error}.") from error
