"""The order of the hits, and `search_after`: where a page goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from watchpost.stores.embedded.conditions import date_bound, equals
from watchpost.stores.embedded.sql import FALSE, Sql, all_of, any_of
from watchpost.stores.embedded.table import Field, Table
from watchpost.stores.query.errors import QueryError, illegal
from watchpost.stores.query.request import Search, Sort
from watchpost.stores.query.tree import Bound, Scalar

DOCUMENT_ORDER: Final = ("_doc", "_shard_doc")
_SCORE: Final = "_score"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the order."""

    value: Sql
    is_descending: bool
    is_nullable: bool
    nulls_first: bool
    field: Field | None

    def shown(self, value: Any) -> Any:
        """The value as a hit carries it."""
        return float(value) if self.field is not None and self.field.type == "double" and value is not None else value


@dataclass(frozen=True, slots=True)
class Order:
    """The keys, what stands after ORDER BY, and the condition of what comes after the last page."""

    keys: tuple[Key, ...]
    text: str
    values: tuple[Any, ...]
    after: Sql | None


def make_order(search: Search, table: Table, key: str, score: Sql) -> Order:
    """The order of a search over rows whose key is `key` in SQL. Raises `QueryError`."""
    if not search.sort:
        return Order((), f"{score.text} DESC, {key}", score.values, None)
    keys = tuple(_key(sort, table, key, score) for sort in search.sort)
    after = None if search.search_after is None else _after(keys, search.search_after)
    if _is_key_order(search.sort, table):
        direction = "DESC" if keys[0].is_descending else "ASC"
        if search.search_after is not None and len(keys) == 2:
            sign = "<" if keys[0].is_descending else ">"
            after = Sql(f"{key} {sign} ?", (_whole(search.search_after[1]),))
        return Order(keys, f"{key} {direction}", (), after)
    parts, values = [], list[Any]()
    for each in keys:
        direction = "DESC" if each.is_descending else "ASC"
        if each.is_nullable:
            parts.append(f"({each.value.text} IS NULL) {'DESC' if each.nulls_first else 'ASC'}")
            values += each.value.values
        parts.append(f"{each.value.text} {direction}")
        values += each.value.values
    parts.append(f"{key} {'DESC' if keys[0].is_descending else 'ASC'}")
    return Order(keys, ", ".join(parts), tuple(values), after)


def _is_key_order(sort: tuple[Sort, ...], table: Table) -> bool:
    if sort[0].field in DOCUMENT_ORDER:
        return len(sort) == 1
    if not table.follows_key(sort[0].field):
        return False
    rest = sort[1:]
    return not rest or (
        len(rest) == 1 and rest[0].field in DOCUMENT_ORDER and rest[0].is_descending == sort[0].is_descending
    )


def _key(sort: Sort, table: Table, key: str, score: Sql) -> Key:
    if sort.field in DOCUMENT_ORDER:
        return Key(Sql(key), sort.is_descending, is_nullable=False, nulls_first=False, field=None)
    if sort.field == _SCORE:
        return Key(score, sort.is_descending, is_nullable=False, nulls_first=False, field=None)
    field = table.field(sort.field)
    nulls_first = sort.missing == "_first"
    if field is None:
        if sort.unmapped_type is None:
            raise QueryError(f"No mapping found for [{sort.field}] in order to sort on", "query_shard_exception")
        return Key(Sql("NULL"), sort.is_descending, is_nullable=True, nulls_first=nulls_first, field=None)
    if field.type == "text":
        raise illegal(
            f"Fielddata is disabled on [{sort.field}]: text fields can not be sorted by; take a keyword field instead."
        )
    value = table.value(field, is_greatest=sort.is_descending)
    is_nullable = not field.is_required
    return Key(value, sort.is_descending, is_nullable, nulls_first, field)


def _after(keys: tuple[Key, ...], values: tuple[Scalar | None, ...]) -> Sql:
    """Later than these values: in the first key, or the same there and later in the second, and so on."""
    ways, same = [], list[Sql]()
    for key, given in zip(keys, values, strict=True):
        value = None if given is None else _stored(key, given)
        ways.append(all_of([*same, _later(key, value)]))
        if value is None:
            same.append(Sql(f"{key.value.text} IS NULL", key.value.values))
        else:
            same.append(Sql(f"{key.value.text} = ?", (*key.value.values, value)))
    return any_of(ways)


def _later(key: Key, value: Any) -> Sql:
    text, values = key.value.text, key.value.values
    if value is None:
        return Sql(f"{text} IS NOT NULL", values) if key.nulls_first else FALSE
    later = Sql(f"{text} {'<' if key.is_descending else '>'} ?", (*values, value))
    if key.is_nullable and not key.nulls_first:
        return any_of([later, Sql(f"{text} IS NULL", values)])
    return later


def _stored(key: Key, value: Scalar) -> Any:
    if key.field is None:
        if isinstance(value, str | bool):
            raise illegal("[search_after] has a text where a number belongs")
        return value
    if key.field.type == "date":
        return date_bound(Bound(value, is_inclusive=True), "lower", "UTC", 0)
    return equals("v", key.field, value).values[0]


def _whole(value: Scalar | None) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise illegal("[search_after] has no whole number for the order of documents")
    return value
