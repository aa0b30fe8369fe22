"""The book of notes: one SQLite file. A note that was reported as kept is on the disk."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from watchpost.errors import WatchpostError
from watchpost.notes import ONCE, Marks, Note, NoteKind

_BUSY_TIMEOUT_S: Final = 10.0
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE notes (
    id TEXT PRIMARY KEY,            -- sorts by the time of its making
    kind TEXT NOT NULL CHECK (kind IN ('bookmark', 'note', 'false_alarm', 'missed')),
    camera TEXT NOT NULL,
    wall_time_s REAL NOT NULL,
    author TEXT NOT NULL,
    made_wall_time_s REAL NOT NULL,
    event_id TEXT,
    text TEXT NOT NULL,
    class_name TEXT NOT NULL,
    boxes TEXT NOT NULL,            -- JSON: [[left, top, right, bottom], ...] in fractions
    event TEXT                      -- JSON of the event
) WITHOUT ROWID;
CREATE INDEX notes_by_event ON notes (event_id, kind);
CREATE INDEX notes_by_kind ON notes (kind, id);
CREATE TABLE pictures (
    note_id TEXT PRIMARY KEY REFERENCES notes (id) ON DELETE CASCADE,
    jpeg BLOB NOT NULL
)
"""
_COLUMNS: Final = (
    "id, kind, camera, wall_time_s, author, made_wall_time_s, event_id, text, class_name, boxes, event,"
    " id IN (SELECT note_id FROM pictures)"
)


class NoteBook:
    """All notes of a server. Safe to use from several threads.

    Raises `WatchpostError` when the file can not be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._errors():
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # pictures of people
            except OSError as error:
                raise WatchpostError(f"the folder of {path} can not be made: {error.strerror}.") from None
            self._db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("PRAGMA foreign_keys = ON")
                self._migrate()
            except BaseException:
                self._db.close()
                raise

    def add(self, note: Note, picture: bytes | None = None) -> Note:
        """Keep a note, with its picture (JPEG). Of a kind that an event has once, one that is there stays as it is,
        and is returned."""
        with self._writing() as db:
            if note.kind in ONCE and note.event_id is not None:
                row = db.execute(
                    f"SELECT {_COLUMNS} FROM notes WHERE event_id = ? AND kind = ?",  # noqa: S608 - own names
                    [note.event_id, note.kind],
                ).fetchone()
                if row is not None:
                    return _note(row)
            event = None if note.event is None else json.dumps(dict(note.event), ensure_ascii=False)
            values = [note.id, note.kind, note.camera, note.wall_time_s, note.author, note.made_wall_time_s]
            values += [note.event_id, note.text, note.class_name, json.dumps(note.boxes), event]
            db.execute(f"INSERT INTO notes VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608
            if picture is not None:
                db.execute("INSERT INTO pictures VALUES (?, ?)", [note.id, picture])
        return replace(note, has_picture=picture is not None)

    def remove(self, note_id: str) -> bool:
        """Take a note back, with its picture; whether it was there."""
        with self._writing() as db:
            return db.execute("DELETE FROM notes WHERE id = ?", [note_id]).rowcount > 0

    def get(self, note_id: str) -> Note | None:
        """One note."""
        with self._errors(), self._lock:
            row = self._db.execute(f"SELECT {_COLUMNS} FROM notes WHERE id = ?", [note_id]).fetchone()  # noqa: S608
        return None if row is None else _note(row)

    def of_event(self, event_id: str) -> list[Note]:
        """All that was said about an event, oldest first."""
        statement = f"SELECT {_COLUMNS} FROM notes WHERE event_id = ? ORDER BY id"  # noqa: S608 - own names
        with self._errors(), self._lock:
            return [_note(row) for row in self._db.execute(statement, [event_id])]

    def marks(self, event_ids: Collection[str]) -> dict[str, Marks]:
        """What was said about some events, in short; those without a note are left out."""
        counts: dict[str, dict[str, int]] = {}
        with self._errors(), self._lock:
            rows = self._db.execute(
                "SELECT event_id, kind, count(*) FROM notes WHERE event_id IN (SELECT value FROM json_each(?))"
                " GROUP BY 1, 2",
                [json.dumps(list(event_ids))],
            )
            for event_id, kind, count in rows:
                counts.setdefault(event_id, {})[kind] = count
        return {
            event_id: Marks("bookmark" in found, "false_alarm" in found, found.get("note", 0))
            for event_id, found in counts.items()
        }

    def find(
        self,
        kinds: Sequence[NoteKind],
        *,
        cameras: Collection[str] | None = None,
        since_wall_time_s: float | None = None,
        until_wall_time_s: float | None = None,
        before_id: str | None = None,
        limit: int = 100,
    ) -> list[Note]:
        """Notes of some kinds, the newest first: of these cameras, about this time, made before the one with an id."""
        terms, values = ["kind IN (SELECT value FROM json_each(?))"], list[Any]([json.dumps(list(kinds))])
        if cameras is not None:
            terms.append("camera IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(sorted(cameras)))
        for bound, term in (
            (since_wall_time_s, "wall_time_s >= ?"),
            (until_wall_time_s, "wall_time_s < ?"),
            (before_id, "id < ?"),
        ):
            if bound is not None:
                terms.append(term)
                values.append(bound)
        statement = f"SELECT {_COLUMNS} FROM notes WHERE {' AND '.join(terms)} ORDER BY id DESC LIMIT ?"  # noqa: S608
        with self._errors(), self._lock:
            return [_note(row) for row in self._db.execute(statement, [*values, limit])]

    def event_ids(self, kind: NoteKind, limit: int) -> list[str]:
        """The events that something of a kind was said about, by the newest of it first."""
        with self._errors(), self._lock:
            rows = self._db.execute(
                "SELECT event_id FROM notes WHERE kind = ? AND event_id IS NOT NULL GROUP BY event_id"
                " ORDER BY max(id) DESC LIMIT ?",
                [kind, limit],
            )
            return [str(event_id) for (event_id,) in rows]

    def picture(self, note_id: str) -> bytes | None:
        """The JPEG of a note, `None` where there is none."""
        with self._errors(), self._lock:
            row = self._db.execute("SELECT jpeg FROM pictures WHERE note_id = ?", [note_id]).fetchone()
        return None if row is None else bytes(row[0])

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        with self._lock:
            self._db.close()

    def _migrate(self) -> None:
        with self._writing() as db:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version > _VERSION:
                raise WatchpostError(f"{self._path} was written by a newer Watchpost. Upgrade, or move it away.")
            if version < _VERSION:
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
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
            raise WatchpostError(f"{self._path}: {error}.") from error


def _note(row: Sequence[Any]) -> Note:
    kind: NoteKind
    (
        note_id,
        kind,
        camera,
        wall_time_s,
        author,
        made_wall_time_s,
        event_id,
        text,
        class_name,
        boxes,
        event,
        has_picture,
    ) = row
    return Note(
        note_id,
        kind,
        camera,
        wall_time_s,
        author,
        made_wall_time_s,
        event_id,
        text,
        class_name,
        boxes=tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in json.loads(boxes)),
        event=None if event is None else json.loads(event),
        has_picture=bool(has_picture),
    )
