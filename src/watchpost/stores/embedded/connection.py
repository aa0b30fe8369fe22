"""Connections to one SQLite file: one that writes, behind a lock, and a few that read."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from watchpost.errors import WatchpostError
from watchpost.stores.query.buckets import bucket_ms
from watchpost.stores.query.errors import QueryError

_BUSY_TIMEOUT_S: Final = 10.0
_READERS_KEPT: Final = 4
_CACHE_KIB: Final = 32_768
"""Of a connection that reads."""
_STEPS_PER_LOOK: Final = 100_000
"""Instructions of SQLite's machine between two looks at the clock: about a millisecond."""


class Connections:
    """Readers never wait for the writer (WAL), nor the writer for them.

    Raises `WatchpostError`, one line that says what to do, where SQLite raises its own errors.
    """

    def __init__(self, path: Path, search_timeout_s: float) -> None:
        self._path = path
        self._search_timeout_s = search_timeout_s
        self._lock = threading.Lock()
        self._readers: list[sqlite3.Connection] = []
        self._is_closed = False
        with self.errors():
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # pictures of people
            except OSError as error:
                raise WatchpostError(f"the folder of {path} can not be made: {error.strerror}.") from None
            self.writer = self._connect()
            try:
                # before the first table exists: pruning then gives pages back to the disk
                self.writer.execute("PRAGMA auto_vacuum = INCREMENTAL")
                self.writer.execute("PRAGMA journal_mode = WAL")
                self.writer.execute("PRAGMA synchronous = FULL")
                self.writer.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            except BaseException:
                self.writer.close()
                raise

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is on disk afterwards, or nothing."""
        with self._lock, self.errors():
            self._check_open()
            self.writer.execute("BEGIN IMMEDIATE")
            try:
                yield self.writer
                self.writer.execute("COMMIT")
            except BaseException:
                if self.writer.in_transaction:  # a full disk has rolled back already
                    self.writer.execute("ROLLBACK")
                raise

    def script(self, statement: str) -> None:
        """Step one statement to its end outside of a transaction."""
        with self._lock, self.errors():
            self._check_open()
            self.writer.executescript(statement)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the file until it is given back. Long searches are ended.

        Raises `QueryError` for a search that takes too long.
        """
        with self.errors():
            with self._lock:
                self._check_open()
                db = self._readers.pop() if self._readers else None
            db = db or self._reader()
            deadline_s = time.monotonic() + self._search_timeout_s
            db.set_progress_handler(lambda: time.monotonic() > deadline_s, _STEPS_PER_LOOK)
            try:
                db.execute("BEGIN")
                yield db
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
                raise QueryError(
                    f"the search was ended after {self._search_timeout_s:g} s; ask for less time or rarer words",
                    "search_phase_execution_exception",
                    503,
                ) from None
            finally:
                db.set_progress_handler(None, 0)
                if db.in_transaction:
                    db.execute("ROLLBACK")
                with self._lock:
                    if self._is_closed or len(self._readers) >= _READERS_KEPT:
                        db.close()
                    else:
                        self._readers.append(db)

    def close(self) -> None:
        """Let go of the files. Safe to call twice."""
        with self._lock:
            self._is_closed = True
            for db in (self.writer, *self._readers):
                db.close()
            self._readers.clear()

    def _check_open(self) -> None:
        if self._is_closed:
            raise WatchpostError(f"the store {self._path} is closed.")

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)

    def _reader(self) -> sqlite3.Connection:
        db = self._connect()
        db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        db.execute("PRAGMA query_only = ON")
        db.create_function("date_bucket", 4, bucket_ms, deterministic=True)
        return db

    @contextmanager
    def errors(self) -> Iterator[None]:
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
