"""A bounded queue of events on disk, in a small SQLite file."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchpost.errors import WatchpostError
from watchpost.event_json import event_from_json, event_to_json
from watchpost.types import Event


class DiskQueue:
    """First in, first out; when it is full the oldest events give way. Safe to use from several threads.

    Raises `WatchpostError` when the file can not be used.
    """

    def __init__(self, path: Path, max_events: int, max_bytes: int) -> None:
        self._path = path
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        with self._errors():
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # pictures of people
            except OSError as error:
                raise WatchpostError(f"the folder of {path} can not be made: {error.strerror}.") from None
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            # survives a killed process; a power cut may take the last moments, which a queue may lose
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS queue"
                " (number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, snapshot BLOB,"
                " bytes INTEGER NOT NULL)"
            )
            count, size = self._db.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM queue").fetchone()
        self._count, self._bytes = int(count), int(size)

    def __len__(self) -> int:
        return self._count

    def put(self, event: Event) -> int:
        """Append an event; returns how many gave way for it (itself, if it alone is too large)."""
        text = json.dumps(event_to_json(event), ensure_ascii=False)
        size = len(text.encode()) + len(event.snapshot or b"")
        with self._lock, self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute(
                    "INSERT INTO queue (event, snapshot, bytes) VALUES (?, ?, ?)", [text, event.snapshot, size]
                )
                count, total = self._count + 1, self._bytes + size
                given_way = []
                for number, old_size in self._db.execute("SELECT number, bytes FROM queue ORDER BY number"):
                    if count <= self._max_events and total <= self._max_bytes:
                        break
                    given_way.append((number,))
                    count, total = count - 1, total - old_size
                self._db.executemany("DELETE FROM queue WHERE number = ?", given_way)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._count, self._bytes = count, total
        return len(given_way)

    def oldest(self) -> tuple[int, Event] | None:
        """The event whose turn it is, with its number for `remove`; `None` when the queue is empty."""
        with self._lock, self._errors():
            row = self._db.execute("SELECT number, event, snapshot FROM queue ORDER BY number LIMIT 1").fetchone()
        return None if row is None else (int(row[0]), event_from_json(json.loads(row[1]), row[2]))

    def remove(self, number: int) -> None:
        """Take out the event of this number, if it has not given way already."""
        with self._lock, self._errors():
            row = self._db.execute("DELETE FROM queue WHERE number = ? RETURNING bytes", [number]).fetchone()
            if row is not None:
                self._count, self._bytes = self._count - 1, self._bytes - int(row[0])

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise WatchpostError(
                f"the queue {self._path} can not be used ({error}). Check its folder and the room on the disk,"
                " or move the file away."
            ) from error
