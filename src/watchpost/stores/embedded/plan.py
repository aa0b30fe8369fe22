"""From which end a search is answered: the index of words, or the rows in the order of their keys.

What FTS5 can answer by itself drives (`CROSS JOIN` keeps SQLite from turning it round), what it can not is asked of
each row it gives. Ranges over what the keys follow become bounds of the key, for FTS5 as for the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from watchpost.stores.embedded.conditions import check_fields, condition, in_words
from watchpost.stores.embedded.inverted import NOTHING, both, expression, without
from watchpost.stores.embedded.sql import FALSE, Sql, all_of, none_of
from watchpost.stores.embedded.table import Table
from watchpost.stores.query.tree import Bool, Query, Range


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the rows come from and what they must fulfil."""

    rows: str
    """After FROM."""
    key: str
    """SQL of the key that rows come in the order of."""
    where: Sql
    bounds: Sql
    """Of the key, for the index of words (its `rowid`)."""

    def and_where(self, more: Sql) -> Sql:
        """The condition with another one."""
        return all_of([self.where, more])


@dataclass(slots=True)
class _Parts:
    words: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    others: list[Sql] = field(default_factory=list)
    lowest: int | None = None
    highest: int | None = None


def make_plan(query: Query, table: Table, now_ms: int) -> Plan:
    """How a query is answered. Raises `QueryError` for values that do not fit their fields."""
    check_fields(query, table)
    parts = _Parts()
    _take_apart(query, table, now_ms, parts)
    driver = without(both(parts.words), parts.excluded) if parts.words else None
    if driver is None:
        parts.others += [none_of(in_words(table, each)) for each in parts.excluded if each]
        key, rows, found = table.key, table.rows, Sql("1")
    else:
        key = "w.rowid"
        rows = f"{table.words} w CROSS JOIN {table.rows} ON {table.key} = w.rowid"
        found = FALSE if driver == NOTHING else Sql(f"{table.words} MATCH ?", (driver,))
    where = all_of([found, _bounds(key, parts), table.scope, *parts.others])
    return Plan(rows, key, where, _bounds("rowid", parts))


def _bounds(key: str, parts: _Parts) -> Sql:
    ends = ((">=", parts.lowest), ("<=", parts.highest))
    return all_of([Sql(f"{key} {sign} ?", (end,)) for sign, end in ends if end is not None])


def _take_apart(query: Query, table: Table, now_ms: int, parts: _Parts) -> None:
    """Everything that has to hold, one by one."""
    words = expression(query, table)
    if words is not None:
        parts.words.append(words)
        return
    if isinstance(query, Bool):
        for each in (*query.must, *query.filter):
            _take_apart(each, table, now_ms, parts)
        if query.minimum_should:
            optional = Bool(should=query.should, minimum_should=query.minimum_should)
            words = expression(optional, table)
            if words is None:
                parts.others.append(condition(optional, table, now_ms))
            else:
                parts.words.append(words)
        for each in query.must_not:
            words = expression(each, table)
            if words is None:
                parts.others.append(none_of(condition(each, table, now_ms)))
            else:
                parts.excluded.append(words)
        return
    if isinstance(query, Range):
        lowest, highest = table.key_bounds(query, now_ms)
        parts.lowest = _tighter(parts.lowest, lowest, max)
        parts.highest = _tighter(parts.highest, highest, min)
    parts.others.append(condition(query, table, now_ms))


def _tighter(known: int | None, new: int | None, choose: Any) -> int | None:
    return new if known is None else known if new is None else choose(known, new)
