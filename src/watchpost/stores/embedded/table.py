"""What a table offers to the compiler of queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from watchpost.stores.embedded.sql import Sql
from watchpost.stores.query.mapping import FieldType
from watchpost.stores.query.tree import Range

Test = Callable[[str], Sql]
"""The SQL of a value to a condition on it."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the documents in a table."""

    name: str
    type: FieldType
    is_indexed: bool = True
    word_tag: str | None = None
    """What its words carry in the index of words, for a field of type `text`."""
    exact_tag: str | None = None
    """What its exact values carry in the index of words, where they are there."""
    is_required: bool = False
    """Whether every document has a value, and only one."""


@dataclass(frozen=True, slots=True)
class Row:
    """A document that was found."""

    index: str
    id: str
    source: dict[str, Any]


class Table(Protocol):
    """Rows with an integer key, and beside them an FTS5 table of their words with the same key as rowid."""

    rows: str
    """What stands after FROM."""
    key: str
    """SQL of the key."""
    words: str
    """Name of the FTS5 table."""
    scope: Sql
    """Which of the rows are meant at all."""

    def field(self, name: str) -> Field | None:
        """A field that can be searched, `None` for one that no document has."""

    def holds(self, field: Field, test: Test) -> Sql:
        """A condition: the field has a value that passes the test."""

    def exists(self, name: str) -> Sql:
        """A condition: the field, or one below it, has a value."""

    def ids(self, ids: Sequence[str]) -> Sql:
        """A condition: the document has one of these ids."""

    def value(self, field: Field, *, is_greatest: bool) -> Sql:
        """The value to sort by: the greatest or least of several."""

    def joined(self, field: Field, alias: str) -> tuple[Sql, str]:
        """How to get at each value of a field: what to add after FROM, and the SQL of the value."""

    def key_bounds(self, query: Range, now_ms: int) -> tuple[int | None, int | None]:
        """Between which keys all rows lie that a range finds; a hint, other rows may lie there too."""

    def follows_key(self, name: str) -> bool:
        """Whether rows in the order of this field are rows in the order of their keys."""

    def texts_of(self, name: str) -> tuple[str, ...]:
        """Where in the document the texts of a field stand, as dotted paths."""


def exact_word(tag: str, value: str) -> str:
    """The word under which an exact value stands in the index of words."""
    from hashlib import blake2b

    return f"{tag}={blake2b(value.encode(), digest_size=8).hexdigest()}"
