"""Events on disk until a cluster has taken them."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from watchpost.errors import WatchpostError
from watchpost.event_json import event_from_json, event_to_json
from watchpost.types import Event


class EventOutbox:
    """A queue in a SQLite file; what was put is on disk. Methods may be called from several threads.

    Raises `WatchpostError` when the file can not be used.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        with self._errors():
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # pictures of people
            except OSError as error:
                raise WatchpostError(f"the folder of {path} can not be made: {error.strerror}.") from None
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS waiting"
                " (number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, snapshot BLOB,"
                " bytes INTEGER NOT NULL)"
            )
            count, size = self._db.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM waiting").fetchone()
        self._count, self._bytes = int(count), int(size)

    def __len__(self) -> int:
        return self._count

    def put(self, events: Iterable[Event]) -> int:
        """Append events, all or none; returns how many of the oldest gave way for them."""
        rows = []
        for event in events:
            text = json.dumps(event_to_json(event), ensure_ascii=False)
            rows.append((text, event.snapshot, len(text.encode()) + len(event.snapshot or b"")))
        with self._lock, self._errors(), self._transaction():
            self._db.executemany("INSERT INTO waiting (event, snapshot, bytes) VALUES (?, ?, ?)", rows)
            count, size = self._count + len(rows), self._bytes + sum(row[2] for row in rows)
            dropped = []
            for number, bytes_ in self._db.execute("SELECT number, bytes FROM waiting ORDER BY number"):
                if size <= self._max_bytes:
                    break
                dropped.append((number,))
                count, size = count - 1, size - bytes_
            self._db.executemany("DELETE FROM waiting WHERE number = ?", dropped)
        self._count, self._bytes = count, size
        return len(dropped)

    def oldest(self, limit: int, max_bytes: int) -> list[tuple[int, Event]]:
        """The events whose turn it is, with their numbers; at least one, where one waits."""
        found: list[tuple[int, Event]] = []
        size = 0
        with self._lock, self._errors():
            rows = self._db.execute(
                "SELECT number, event, snapshot, bytes FROM waiting ORDER BY number LIMIT ?", (limit,)
            )
            for number, text, snapshot, bytes_ in rows:
                size += bytes_
                if found and size > max_bytes:
                    break
                found.append((number, event_from_json(json.loads(text), snapshot)))
        return found

    def remove(self, numbers: Sequence[int]) -> None:
        """Take out events; those that gave way already are no trouble."""
        with self._lock, self._errors(), self._transaction():
            self._db.executemany("DELETE FROM waiting WHERE number = ?", [(number,) for number in numbers])
            count, size = self._db.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM waiting").fetchone()
        self._count, self._bytes = int(count), int(size)

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise WatchpostError(
                f"the queue {self._path} can not be used ({error}). Check its folder and the room on the disk,"
                " or move the file away."
            ) from error
