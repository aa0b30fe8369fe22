"""The table of other documents as the compiler of queries sees it.

Each exact value of a field is a row of `document_values`, so lists and objects in lists need nothing special.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from watchpost.stores.embedded.sql import FALSE, Sql, any_of
from watchpost.stores.embedded.table import Field, Test
from watchpost.stores.query.errors import illegal
from watchpost.stores.query.mapping import MappedField
from watchpost.stores.query.tree import Range


def word_tag(field: str) -> str:
    """What the words of a field carry in the index of words."""
    return f"x{blake2b(field.encode(), digest_size=6).hexdigest()}"


def presence_word(field: str) -> str:
    """The word that says that a document has a text in a field."""
    return f"{word_tag(field)}=any"


class DocumentsTable:
    """See `table.Table`: the documents of some indices, with the fields of all of them."""

    rows = "documents d"
    key = "d.key"
    words = "documents_words"

    def __init__(self, numbers: Sequence[int], fields: Mapping[str, MappedField]) -> None:
        marks = "d.index_number IN (SELECT value FROM json_each(?))"
        self.scope = Sql(marks, (json.dumps(list(numbers)),)) if numbers else FALSE
        self._fields = fields

    def field(self, name: str) -> Field | None:
        """A field that can be searched."""
        found = self._fields.get(name)
        if found is None:
            return None
        tag = word_tag(name) if found.type == "text" else None
        return Field(name, found.type, found.is_indexed, word_tag=tag)

    def holds(self, field: Field, test: Test) -> Sql:
        """A condition: the field has a value that passes the test."""
        found = test("v.value")
        return Sql(
            f"d.key IN (SELECT v.key FROM document_values v WHERE v.field = ? AND {found.text})",  # noqa: S608
            (field.name, *found.values),
        )

    def exists(self, name: str) -> Sql:
        """A condition: the field, or one below it, has a value."""
        fields = [found for found in self._fields.values() if found.name == name or found.name.startswith(f"{name}.")]
        return any_of([self._exists(found) for found in fields])

    def ids(self, ids: Sequence[str]) -> Sql:
        """A condition: the document has one of these ids."""
        return Sql("d.id IN (SELECT value FROM json_each(?))", (json.dumps(ids),)) if ids else FALSE

    def value(self, field: Field, *, is_greatest: bool) -> Sql:
        """The value to sort by: the greatest or least of several."""
        self._check_indexed(field)
        choose = "max" if is_greatest else "min"
        return Sql(
            f"(SELECT {choose}(v.value) FROM document_values v WHERE v.key = d.key AND v.field = ?)",  # noqa: S608
            (field.name,),
        )

    def joined(self, field: Field, alias: str) -> tuple[Sql, str]:
        """How to get at each value of a field."""
        self._check_indexed(field)
        join = f" JOIN document_values {alias} ON {alias}.key = d.key AND {alias}.field = ?"
        return Sql(join, (field.name,)), f"{alias}.value"

    def key_bounds(self, query: Range, now_ms: int) -> tuple[int | None, int | None]:  # noqa: ARG002
        """No bounds: keys are given in the order of writing."""
        return None, None

    def follows_key(self, name: str) -> bool:  # noqa: ARG002
        """Whether rows in the order of this field are rows in the order of their keys: none are."""
        return False

    def texts_of(self, name: str) -> tuple[str, ...]:
        """Where in the document the texts of a field stand."""
        found = self._fields.get(name)
        return (name if found is None or found.of is None else found.of,)

    def _exists(self, field: MappedField) -> Sql:
        if field.type == "text":
            match = f'"{presence_word(field.name)}"'
            return Sql("d.key IN (SELECT rowid FROM documents_words WHERE documents_words MATCH ?)", (match,))
        return Sql("d.key IN (SELECT v.key FROM document_values v WHERE v.field = ?)", (field.name,))

    @staticmethod
    def _check_indexed(field: Field) -> None:
        if not field.is_indexed:
            raise illegal(f"Cannot sort by or aggregate [{field.name}] since it is not indexed.")
