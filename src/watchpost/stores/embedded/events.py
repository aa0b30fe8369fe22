"""Events to rows and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from watchpost.stores._event_document import NAMES, texts, to_document
from watchpost.stores.embedded.events_table import EXACT_TAGS, TEXT_TAG, TIES, key_at
from watchpost.stores.embedded.table import Row, exact_word
from watchpost.stores.query.words import index_words
from watchpost.types import Event, Moment

INDEX: Final = "events"
"""What the index of events is called in Elasticsearch's dialect."""
_COLUMNS: Final = (
    "id, camera, rule, kind, class_name, track_id, start_camera_time_s, start_wall_us,"
    " end_camera_time_s, end_wall_us, duration_s, score, box, zone, attributes"
)
_INSERT: Final = f"INSERT INTO events (key, {_COLUMNS}) VALUES ({', '.join('?' * 16)})"  # noqa: S608
_AT_ONCE: Final = 2000


def insert_events(db: sqlite3.Connection, events: Sequence[Event]) -> None:
    """Write events and their words; one with a known id takes the other's place."""
    latest = list({event.id: event for event in events}.values())
    for start in range(0, len(latest), _AT_ONCE):
        _insert(db, latest[start : start + _AT_ONCE])


def delete_events(db: sqlite3.Connection, keys: Iterable[int]) -> None:
    """Delete events by key, with their words and snapshots."""
    marks = [(key,) for key in keys]
    db.executemany("DELETE FROM events_words WHERE rowid = ?", marks)
    db.executemany("DELETE FROM events WHERE key = ?", marks)


def load_events(db: sqlite3.Connection, keys: Sequence[int]) -> dict[int, Row]:
    """The documents of these keys."""
    rows = db.execute(
        f"SELECT key, e.id IN (SELECT event_id FROM snapshots), {_COLUMNS} FROM events e"  # noqa: S608 - own names
        " WHERE key IN (SELECT value FROM json_each(?))",
        (json.dumps(list(keys)),),
    )
    found = {}
    for key, has_snapshot, *columns in rows:
        document = to_document(_event(columns)) | {"has_snapshot": bool(has_snapshot)}
        found[key] = Row(INDEX, columns[0], document)
    return found


def wall_lengths_us(db: sqlite3.Connection) -> tuple[int, int]:
    """Bounds of what lies between start and end of all events, in microseconds by this machine's clock."""
    shortest, longest = db.execute("SELECT shortest_us, longest_us FROM event_lengths").fetchone()
    return int(shortest), int(longest)


def _insert(db: sqlite3.Connection, events: Sequence[Event]) -> None:
    ids = json.dumps([event.id for event in events])
    known = db.execute("SELECT key FROM events WHERE id IN (SELECT value FROM json_each(?))", (ids,)).fetchall()
    delete_events(db, [key for (key,) in known])
    rows, words = [], []
    taken: dict[int, int] = {}
    shortest = longest = 0
    for event in events:
        document = to_document(event)
        start_us, end_us = (_microseconds(moment) for moment in (event.start, event.end))
        shortest, longest = min(shortest, end_us - start_us), max(longest, end_us - start_us)
        key = _free_key(db, end_us, taken)
        rows.append(_row(key, document, start_us, end_us))
        words.append((key, words_of(document)))
    db.executemany(_INSERT, rows)
    db.executemany("INSERT INTO events_words (rowid, words) VALUES (?, ?)", words)
    db.execute(
        "UPDATE event_lengths SET shortest_us = min(shortest_us, ?), longest_us = max(longest_us, ?)"
        " WHERE shortest_us > ? OR longest_us < ?",
        (shortest, longest, shortest, longest),
    )


def words_of(document: dict[str, Any]) -> str:
    """What the index of words holds for an event: its words, and the exact values of its names."""
    found = [_name_words(EXACT_TAGS[name], value) for name in NAMES if (value := document[name])]
    found += [_text_words(text) for text in texts(document)]
    return " ".join(found)


@lru_cache(maxsize=4096)  # cameras, rules and zones have few names
def _name_words(tag: str, value: str) -> str:
    return " ".join([exact_word(tag, value), *(f"{tag}:{word}" for word in index_words(value))])


@lru_cache(maxsize=4096)
def _text_words(text: str) -> str:
    return " ".join(f"{TEXT_TAG}:{word}" for word in index_words(text))


def _free_key(db: sqlite3.Connection, end_us: int, taken: dict[int, int]) -> int:
    """The next key of a microsecond; `taken` holds those given out in this batch."""
    first = key_at(end_us)
    while True:
        last = taken.get(first)
        if last is None:
            (last,) = db.execute(
                "SELECT max(key) FROM events WHERE key BETWEEN ? AND ?", (first, first + TIES - 1)
            ).fetchone()
        key = first if last is None else last + 1
        taken[first] = min(key, first + TIES - 1)
        if key < first + TIES:
            return key
        first += TIES


def _microseconds(moment: Moment) -> int:
    return round(round(float(moment.wall_time_s), 6) * 1e6)


def _row(key: int, document: dict[str, Any], start_us: int, end_us: int) -> tuple[Any, ...]:
    box = document["box"]
    return (
        key,
        *(document[name] for name in ("id", "camera", "rule", "kind", "class_name", "track_id")),
        document["start"]["camera_time_s"],
        start_us,
        document["end"]["camera_time_s"],
        end_us,
        document["duration_s"],
        document["score"],
        None if box is None else json.dumps(box),
        document["zone"],
        json.dumps(document["attributes"], ensure_ascii=False),
    )


def _event(row: Sequence[Any]) -> Event:
    box = None if row[12] is None else json.loads(row[12])
    return Event(
        id=row[0],
        camera=row[1],
        rule=row[2],
        kind=row[3],
        class_name=row[4],
        track_id=row[5],
        start=Moment(row[6], row[7] / 1e6),
        end=Moment(row[8], row[9] / 1e6),
        score=row[11],
        box=None if box is None else (box[0], box[1], box[2], box[3]),
        zone=row[13],
        attributes=json.loads(row[14]),
    )
