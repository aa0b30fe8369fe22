"""Indices that others keep beside the events, in the terms of Elasticsearch's dialect."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

from watchpost.clock import Clock
from watchpost.stores._event_document import event_mapping
from watchpost.stores.embedded.connection import Connections
from watchpost.stores.embedded.documents import (
    Index,
    Stored,
    Written,
    get_document,
    load_documents,
    put_document,
    remove_document,
    remove_keys,
)
from watchpost.stores.embedded.documents_table import DocumentsTable
from watchpost.stores.embedded.events import INDEX as EVENTS
from watchpost.stores.embedded.events import load_events, wall_lengths_us
from watchpost.stores.embedded.events_table import EventsTable
from watchpost.stores.embedded.search import Load, count_hits, keys_of, run_search
from watchpost.stores.embedded.table import Row, Table
from watchpost.stores.embedded.templates import Templates
from watchpost.stores.query.errors import QueryError, illegal, unsupported
from watchpost.stores.query.mapping import ANALYZERS, IndexMapping
from watchpost.stores.query.request import Search

MAX_INDICES: Final = 1000
_DELETE_AT_ONCE: Final = 1000
_NAME: Final = re.compile(r'[^-_+.\\/*?"<>| ,#:A-Z\x00-\x1f][^\\/*?"<>| ,#:A-Z\x00-\x1f]*')


@dataclass(frozen=True, slots=True)
class Action:
    """One write of a bulk."""

    kind: Literal["index", "create", "delete"]
    index: str
    id: str | None
    source: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """An index as it is shown."""

    name: str
    uuid: str
    created_ms: int
    documents: int
    settings: dict[str, Any]
    mapping: dict[str, Any]


class Indices:
    """All methods raise `QueryError` with Elasticsearch's error, and `WatchpostError` when the file fails.

    The index `events` is that of the store; it is read here and never written.
    """

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock
        self.templates = Templates(connections)

    def create(self, name: str, settings: Mapping[str, Any], mapping: Mapping[str, Any]) -> None:
        """Make an index."""
        with self._connections.writing() as db:
            if name == EVENTS or _load(db, name) is not None:
                raise QueryError(f"index [{name}] already exists", "resource_already_exists_exception")
            self._create(db, name, settings, mapping)

    def describe(self, expression: str) -> list[Described]:
        """The indices that an expression such as `a,b-*` names."""
        with self._connections.reading() as db:
            return [self._described(db, name) for name in self._resolve(db, expression)]

    def delete(self, expression: str) -> None:
        """Delete indices; wildcards must find something, and never mean all."""
        if expression in ("_all", "*"):
            raise illegal("Wildcard expressions or all indices are not allowed")
        with self._connections.writing() as db:
            for name in self._resolve(db, expression):
                index = self._writable(db, name)
                keys = db.execute("SELECT key FROM documents WHERE index_number = ?", (index.number,)).fetchall()
                remove_keys(db, [key for (key,) in keys])
                db.execute("DELETE FROM indices WHERE number = ?", (index.number,))

    def put_mapping(self, expression: str, mapping: Mapping[str, Any]) -> None:
        """Add fields to indices."""
        with self._connections.writing() as db:
            for name in self._resolve(db, expression):
                index = self._writable(db, name)
                index.mapping.merge(mapping)
                _save_mapping(db, index)

    def put(self, index: str, document_id: str | None, source: Mapping[str, Any], *, only_new: bool = False) -> Written:
        """Write one document; the index is made where it is missing."""
        (result,) = self.bulk([Action("create" if only_new else "index", index, document_id, source)])
        if isinstance(result, QueryError):
            raise result
        return result

    def remove(self, index: str, document_id: str) -> Written:
        """Delete one document."""
        (result,) = self.bulk([Action("delete", index, document_id)])
        if isinstance(result, QueryError):
            raise result
        return result

    def get(self, index: str, document_id: str) -> Stored | None:
        """One document."""
        with self._connections.reading() as db:
            if index == EVENTS:
                row = db.execute("SELECT key FROM events WHERE id = ?", (document_id,)).fetchone()
                found = {} if row is None else load_events(db, [row[0]])
                return None if row is None or row[0] not in found else Stored(found[row[0]], 1, 0)
            return get_document(db, _existing(db, index), document_id)

    def bulk(self, actions: Sequence[Action]) -> list[Written | QueryError]:
        """Many writes in one transaction; one that fails leaves no trace and does not stop the others."""
        results: list[Written | QueryError] = []
        known: dict[str, Index] = {}
        with self._connections.writing() as db:
            for action in actions:
                db.execute("SAVEPOINT action")
                try:
                    results.append(self._act(db, action, known))
                except QueryError as error:
                    db.execute("ROLLBACK TO action")
                    known.pop(action.index, None)  # what it has learnt of new fields may be undone
                    results.append(error)
                db.execute("RELEASE action")
        return results

    def search(self, expression: str, search: Search) -> dict[str, Any]:
        """The answer to a search over indices."""
        with self._connections.reading() as db:
            if not self._resolve(db, expression):  # no index: nothing is found, and no field is missed
                search = replace(search, sort=(), search_after=None)
            table, load = self._table(db, expression)
            return run_search(db, table, load, search, self._now_ms())

    def count(self, expression: str, search: Search) -> int:
        """How many documents fit."""
        with self._connections.reading() as db:
            return count_hits(db, self._table(db, expression)[0], search, self._now_ms())

    def delete_by_query(self, expression: str, search: Search) -> int:
        """Delete the documents that fit, some at a time; returns how many."""
        deleted = 0
        while True:
            with self._connections.writing() as db:
                for name in self._resolve(db, expression):
                    self._writable(db, name)
                table, _ = self._table(db, expression)
                keys = keys_of(db, table, search, self._now_ms(), _DELETE_AT_ONCE)
                remove_keys(db, keys)
            deleted += len(keys)
            if len(keys) < _DELETE_AT_ONCE:
                return deleted

    def check_exist(self, expression: str) -> None:
        """Raise `QueryError` for an index that is named and is not there."""
        with self._connections.reading() as db:
            self._resolve(db, expression)

    def _act(self, db: sqlite3.Connection, action: Action, known: dict[str, Index]) -> Written:
        index = known.get(action.index)
        if index is None:
            if action.index == EVENTS or action.kind == "delete" or _load(db, action.index) is not None:
                index = self._writable(db, action.index)
            else:
                settings, mapping = self.templates.for_index(db, action.index)
                index = self._create(db, action.index, settings, mapping)
            known[action.index] = index
        if action.kind == "delete":
            if action.id is None:
                raise illegal("an id must be provided if version type or value are set")
            return remove_document(db, index, action.id)
        written = put_document(db, index, action.id, action.source or {}, only_new=action.kind == "create")
        if index.has_new_fields:
            _save_mapping(db, index)
        return written

    def _create(
        self, db: sqlite3.Connection, name: str, settings: Mapping[str, Any], mapping: Mapping[str, Any]
    ) -> Index:
        if not _NAME.fullmatch(name) or len(name.encode()) > 255 or name in (".", ".."):
            raise QueryError(
                f"Invalid index name [{name[:255]}], must be lowercase, must not start with - _ + . and must not hold"
                ' \\ / * ? " < > | , # : or spaces',
                "invalid_index_name_exception",
            )
        if db.execute("SELECT count(*) FROM indices").fetchone()[0] >= MAX_INDICES:
            raise illegal(f"there are {MAX_INDICES} indices already; delete some first")
        check_settings(settings)
        fields = IndexMapping(mapping)
        uuid, now_ms = secrets.token_urlsafe(16), self._now_ms()
        number = db.execute(
            "INSERT INTO indices (name, uuid, created_ms, settings, mapping) VALUES (?, ?, ?, ?, ?)",
            (name, uuid, now_ms, json.dumps(settings), json.dumps(fields.to_json())),
        ).lastrowid
        return Index(int(number or 0), name, uuid, now_ms, dict(settings), fields)

    def _writable(self, db: sqlite3.Connection, name: str) -> Index:
        if name == EVENTS:
            raise QueryError(
                f"index [{EVENTS}] blocked by: [FORBIDDEN/8/index write (api)]; events are written by the cameras",
                "cluster_block_exception",
                403,
            )
        return _existing(db, name)

    def _table(self, db: sqlite3.Connection, expression: str) -> tuple[Table, Load]:
        names = self._resolve(db, expression)
        if EVENTS in names:
            if len(names) > 1:
                raise unsupported(f"a search over [{EVENTS}] and other indices at once")
            return EventsTable(*wall_lengths_us(db)), lambda keys: load_events(db, keys)
        indices = [_existing(db, name) for name in names]
        fields = {name: field for index in reversed(indices) for name, field in index.mapping.fields.items()}
        by_number = {index.number: index.name for index in indices}

        def load(keys: Sequence[int]) -> dict[int, Row]:
            return load_documents(db, by_number, keys)

        return DocumentsTable(list(by_number), fields), load

    def _resolve(self, db: sqlite3.Connection, expression: str) -> list[str]:
        """The names that an expression stands for. A wildcard may find none, a name must be there."""
        found: dict[str, None] = {}
        if not expression or len(expression) > 4096:
            raise illegal("the name of an index is missing or too long")
        every = [EVENTS, *(name for (name,) in db.execute("SELECT name FROM indices ORDER BY name"))]
        for part in expression.split(","):
            if part == "_all" or "*" in part:
                pattern = "*" if part == "_all" else part.replace("[", "[[]").replace("?", "[?]")
                found |= dict.fromkeys(name for name in every if fnmatchcase(name, pattern))
            elif part in every:
                found[part] = None
            else:
                raise no_such_index(part)
        return list(found)

    def _described(self, db: sqlite3.Connection, name: str) -> Described:
        if name == EVENTS:
            count = db.execute("SELECT count(*) FROM events").fetchone()[0]
            return Described(EVENTS, EVENTS, 0, count, {"blocks": {"write": "true"}}, event_mapping())
        index = _existing(db, name)
        count = db.execute("SELECT count(*) FROM documents WHERE index_number = ?", (index.number,)).fetchone()[0]
        return Described(name, index.uuid, index.created_ms, count, index.settings, index.mapping.to_json())

    def _now_ms(self) -> int:
        return int(self._clock.wall_time_s() * 1000)


def no_such_index(name: str) -> QueryError:
    """The answer to a name that no index has."""
    return QueryError(f"no such index [{name[:255]}]", "index_not_found_exception", 404)


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise `QueryError` for analyzers that this store does not have; other settings are kept and change nothing."""
    nested = settings.get("index", {})
    analysis = settings.get("analysis") or (nested.get("analysis") if isinstance(nested, Mapping) else None) or {}
    analyzers: Iterable[str] = analysis.get("analyzer", {}) if isinstance(analysis, Mapping) else ()
    for name in analyzers:
        if name not in ANALYZERS:
            raise unsupported(f"the analyzer [{str(name)[:64]}]")


def _existing(db: sqlite3.Connection, name: str) -> Index:
    index = _load(db, name)
    if index is None:
        raise no_such_index(name)
    return index


def _load(db: sqlite3.Connection, name: str) -> Index | None:
    row = db.execute(
        "SELECT number, uuid, created_ms, settings, mapping FROM indices WHERE name = ?", (name,)
    ).fetchone()
    if row is None:
        return None
    number, uuid, created_ms, settings, mapping = row
    return Index(number, name, uuid, created_ms, json.loads(settings), IndexMapping(json.loads(mapping)))


def _save_mapping(db: sqlite3.Connection, index: Index) -> None:
    mapping = json.dumps(index.mapping.to_json(), ensure_ascii=False)
    db.execute("UPDATE indices SET mapping = ? WHERE number = ?", (mapping, index.number))
    index.has_new_fields = False
