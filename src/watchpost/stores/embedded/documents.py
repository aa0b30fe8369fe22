"""Documents to rows and back."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from watchpost.stores.embedded.documents_table import presence_word, word_tag
from watchpost.stores.embedded.table import Row
from watchpost.stores.query.errors import QueryError, illegal
from watchpost.stores.query.mapping import IndexMapping
from watchpost.stores.query.parse import is_text
from watchpost.stores.query.words import index_words

MAX_ID_BYTES: Final = 512


@dataclass(slots=True)
class Index:
    """One index, as it stands in the file."""

    number: int
    name: str
    uuid: str
    created_ms: int
    settings: dict[str, Any]
    mapping: IndexMapping
    has_new_fields: bool = False
    """Whether its mapping is to be written."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a write has done."""

    index: str
    id: str
    version: int
    sequence: int
    result: str
    """created, updated, deleted or not_found."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A document with what belongs to it."""

    row: Row
    version: int
    sequence: int


def put_document(
    db: sqlite3.Connection, index: Index, document_id: str | None, source: Mapping[str, Any], *, only_new: bool = False
) -> Written:
    """Write a document. Raises `QueryError` for one that does not fit the mapping, or that is there already."""
    document_id = secrets.token_urlsafe(15) if document_id is None else checked_id(document_id)
    known = _find(db, index, document_id)
    if known is not None and only_new:
        raise QueryError(
            f"[{document_id}]: version conflict, document already exists (current version [{known[1]}])",
            "version_conflict_engine_exception",
            409,
        )
    indexed, is_changed = index.mapping.index(source)
    index.has_new_fields = index.has_new_fields or is_changed
    text = _json(source)
    sequence = _next_sequence(db, index)
    if known is None:
        version = 1
        key = db.execute(
            "INSERT INTO documents (index_number, id, version, sequence, source) VALUES (?, ?, 1, ?, ?)",
            (index.number, document_id, sequence, text),
        ).lastrowid
    else:
        key, version = known[0], known[1] + 1
        _forget(db, key)
        db.execute(
            "UPDATE documents SET version = ?, sequence = ?, source = ? WHERE key = ?", (version, sequence, text, key)
        )
    db.executemany(
        "INSERT INTO document_values (field, value, key) VALUES (?, ?, ?)",
        [(field, value, key) for field, value in indexed.values],
    )
    words: list[str] = []
    for field, value in indexed.texts:
        tag = word_tag(field)
        words += [presence_word(field), *(f"{tag}:{word}" for word in index_words(value))]
    if words:
        db.execute("INSERT INTO documents_words (rowid, words) VALUES (?, ?)", (key, " ".join(words)))
    return Written(index.name, document_id, version, sequence, "created" if known is None else "updated")


def remove_document(db: sqlite3.Connection, index: Index, document_id: str) -> Written:
    """Delete a document by id."""
    known = _find(db, index, checked_id(document_id))
    sequence = _next_sequence(db, index)
    if known is None:
        return Written(index.name, document_id, 1, sequence, "not_found")
    remove_keys(db, [known[0]])
    return Written(index.name, document_id, known[1] + 1, sequence, "deleted")


def remove_keys(db: sqlite3.Connection, keys: Sequence[int]) -> None:
    """Delete documents by key."""
    for key in keys:
        _forget(db, key)
    db.executemany("DELETE FROM documents WHERE key = ?", [(key,) for key in keys])


def get_document(db: sqlite3.Connection, index: Index, document_id: str) -> Stored | None:
    """A document by id."""
    row = db.execute(
        "SELECT version, sequence, source FROM documents WHERE index_number = ? AND id = ?",
        (index.number, checked_id(document_id)),
    ).fetchone()
    return None if row is None else Stored(Row(index.name, document_id, json.loads(row[2])), row[0], row[1])


def load_documents(db: sqlite3.Connection, names: Mapping[int, str], keys: Sequence[int]) -> dict[int, Row]:
    """The documents of these keys; `names` are those of the indices by number."""
    rows = db.execute(
        "SELECT key, index_number, id, source FROM documents WHERE key IN (SELECT value FROM json_each(?))",
        (json.dumps(list(keys)),),
    )
    return {key: Row(names[number], document_id, json.loads(source)) for key, number, document_id, source in rows}


def checked_id(document_id: str) -> str:
    """The id, if it can be one. Raises `QueryError`."""
    if not document_id or not is_text(document_id) or len(document_id.encode()) > MAX_ID_BYTES:
        raise illegal(f"an id is a text of 1 to {MAX_ID_BYTES} bytes")
    return document_id


def _find(db: sqlite3.Connection, index: Index, document_id: str) -> tuple[int, int] | None:
    row = db.execute(
        "SELECT key, version FROM documents WHERE index_number = ? AND id = ?", (index.number, document_id)
    ).fetchone()
    return None if row is None else (int(row[0]), int(row[1]))


def _forget(db: sqlite3.Connection, key: int) -> None:
    db.execute("DELETE FROM document_values WHERE key = ?", (key,))
    db.execute("DELETE FROM documents_words WHERE rowid = ?", (key,))


def _next_sequence(db: sqlite3.Connection, index: Index) -> int:
    row = db.execute(
        "UPDATE indices SET sequence = sequence + 1 WHERE number = ? RETURNING sequence - 1", (index.number,)
    ).fetchone()
    return int(row[0])


def _json(source: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(source, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        raise QueryError(
            "the document holds what JSON or Unicode does not know", "document_parsing_exception"
        ) from None
    return text
