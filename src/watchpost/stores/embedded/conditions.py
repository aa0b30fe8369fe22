"""A query as a condition of SQL."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from watchpost.stores.embedded.inverted import NOTHING, expression, spelt, words_of
from watchpost.stores.embedded.sql import FALSE, TRUE, Sql, all_of, any_of, at_least, none_of
from watchpost.stores.embedded.table import Field, Table
from watchpost.stores.query.dates import parse_date_ms, parse_zone
from watchpost.stores.query.errors import QueryError, illegal, unsupported
from watchpost.stores.query.minimum import least_of
from watchpost.stores.query.tree import (
    Bool,
    Bound,
    Exists,
    Ids,
    Match,
    MatchAll,
    MatchNone,
    MultiMatch,
    Prefix,
    Query,
    Range,
    Scalar,
    Terms,
    Wildcard,
)

_COMPARED: Final = {("lower", True): ">=", ("lower", False): ">", ("upper", True): "<=", ("upper", False): "<"}


def condition(query: Query, table: Table, now_ms: int) -> Sql:
    """What a row must fulfil. Raises `QueryError` for values that do not fit their fields."""
    check_fields(query, table)
    return _condition(query, table, now_ms)


def in_words(table: Table, match: str) -> Sql:
    """A condition: FTS5 finds the row."""
    if match == NOTHING:
        return FALSE
    found = f"SELECT rowid FROM {table.words} WHERE {table.words} MATCH ?"  # noqa: S608 - own names
    return Sql(f"{table.key} IN ({found})", (match,))


def check_fields(query: Query, table: Table) -> None:
    """Raise `QueryError` for a field that is there but is not made to be searched."""
    parts: Sequence[Query] = ()
    if isinstance(query, Bool):
        parts = (*query.must, *query.filter, *query.should, *query.must_not)
    elif isinstance(query, MultiMatch):
        parts = query.matches
    elif isinstance(query, Match | Terms | Range | Prefix | Wildcard):
        field = table.field(query.field)
        if field is not None and not field.is_indexed:
            raise illegal(f"Cannot search on field [{query.field}] since it is not indexed.")
        if field is not None and isinstance(query, Match | Terms):
            for value in (query.text,) if isinstance(query, Match) else query.values:
                equals("v", field, value, now_ms=0)  # tells a value that does not fit the field, whatever answers it
    for part in parts:
        check_fields(part, table)


def _condition(query: Query, table: Table, now_ms: int) -> Sql:
    words = expression(query, table)
    if words is not None:
        return in_words(table, words)
    if isinstance(query, Bool):
        return all_of(
            [
                *(_condition(part, table, now_ms) for part in (*query.must, *query.filter)),
                at_least(query.minimum_should, [_condition(part, table, now_ms) for part in query.should]),
                *(none_of(_condition(part, table, now_ms)) for part in query.must_not),
            ]
        )
    if isinstance(query, MatchAll):
        return TRUE
    if isinstance(query, MatchNone):
        return FALSE
    if isinstance(query, Exists):
        return table.exists(query.field)
    if isinstance(query, Ids):
        return table.ids(query.ids)
    if isinstance(query, MultiMatch):
        return any_of([_condition(part, table, now_ms) for part in query.matches])
    field = table.field(query.field)
    return FALSE if field is None else _of_field(query, field, table, now_ms)


def _of_field(query: Match | Terms | Range | Prefix | Wildcard, field: Field, table: Table, now_ms: int) -> Sql:
    if isinstance(query, Match):
        if field.type == "text":  # a minimum between one word and all
            words = words_of(query, field)
            least = least_of(query.minimum or 1, len(words))
            return at_least(least, [in_words(table, word) for word in words])
        query = Terms(query.field, (query.text,))
    if isinstance(query, Terms):
        values = query.values
        if field.type == "text":
            raise unsupported("[term] with [case_insensitive] on a field of type [text]")
        if query.ignores_case:
            return table.holds(
                field, lambda v: any_of([equals(f"lower({v})", field, spelt(x).lower()) for x in values])
            )
        return table.holds(field, lambda v: any_of([equals(v, field, value, now_ms=now_ms) for value in values]))
    if isinstance(query, Range):
        lower, upper, zone = query.lower, query.upper, query.time_zone
        if lower is None and upper is None:
            return table.exists(query.field)
        return table.holds(field, lambda v: within(v, field, lower, upper, zone, now_ms))
    if field.type == "text":
        raise unsupported("[wildcard] on a field of type [text]")
    if field.type not in ("keyword", "any"):
        raise illegal(
            f"Can only use wildcard and prefix queries on keyword and text fields - not on [{field.name}]"
            f" which is of type [{field.type}]"
        )
    pattern = glob_of(query.pattern) if isinstance(query, Wildcard) else f"{escaped(query.text)}*"
    ignores_case = query.ignores_case

    def fits(value: str) -> Sql:
        is_text = f"typeof({value}) = 'text' AND " if field.type == "any" else ""
        if ignores_case:
            return Sql(f"({is_text}lower({value}) GLOB lower(?))", (pattern,))
        return Sql(f"({is_text}{value} GLOB ?)", (pattern,))

    return table.holds(field, fits)


def equals(value: str, field: Field, wanted: Scalar, now_ms: int = 0) -> Sql:
    """A value that is the wanted one. Raises `QueryError` where it can not be one of the field."""
    if field.type == "date":
        bound = Bound(wanted, is_inclusive=True)
        return within(value, field, bound, bound, "UTC", now_ms)
    if field.type in ("keyword", "text"):
        return Sql(f"{value} = ?", (spelt(wanted),))
    if field.type == "boolean":
        return Sql(f"{value} = ?", (_truth(field, wanted),))
    if field.type == "any":
        number = None if isinstance(wanted, bool) else _number_or_none(wanted)
        either = [Sql(f"{value} = ?", (int(wanted) if isinstance(wanted, bool) else wanted,))]
        if number is not None and isinstance(wanted, str):
            either.append(Sql(f"{value} = ?", (number,)))
        return any_of(either)
    number = _number(field, wanted)
    return Sql(f"{value} = ?", (number,))


def within(value: str, field: Field, lower: Bound | None, upper: Bound | None, zone: str, now_ms: int) -> Sql:
    """A value between two bounds. Raises `QueryError` where a bound can not be one of the field."""
    tests = []
    for side, bound in (("lower", lower), ("upper", upper)):
        if bound is None:
            continue
        sign = _COMPARED[side, bound.is_inclusive]
        if field.type == "date":
            limit: Any = date_bound(bound, side, zone, now_ms)
        elif field.type == "keyword":
            limit = spelt(bound.value)
        elif field.type == "text":
            raise unsupported("[range] on a field of type [text]")
        elif field.type == "any":
            number = None if isinstance(bound.value, bool) else _number_or_none(bound.value)
            limit = spelt(bound.value) if number is None else number
            kinds = "('text')" if number is None else "('integer', 'real')"
            tests.append(Sql(f"typeof({value}) IN {kinds}"))
        elif field.type == "boolean":
            limit = _truth(field, bound.value)
        else:
            limit = _number(field, bound.value)
        tests.append(Sql(f"{value} {sign} ?", (limit,)))
    return all_of(tests)


def date_bound(bound: Bound, side: str, zone: str, now_ms: int) -> int:
    """Milliseconds since 1970: what is rounded goes up for `gt` and `lte`, down for `gte` and `lt`."""
    value = bound.value
    if isinstance(value, bool):
        raise illegal("true or false is no date")
    rounds_up = bound.is_inclusive == (side == "upper")
    return parse_date_ms(value, now_ms, rounds_up=rounds_up, zone=parse_zone(zone))


def escaped(text: str) -> str:
    """A text as GLOB takes it literally."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in text)


def glob_of(pattern: str) -> str:
    """Elasticsearch's wildcard as SQLite's GLOB."""
    out, at = [], 0
    while at < len(pattern):
        character = pattern[at]
        if character == "\\" and at + 1 < len(pattern):
            at += 1
            out.append(escaped(pattern[at]))
        elif character in "*?":
            out.append(character)
        else:
            out.append(escaped(character))
        at += 1
    return "".join(out)


def _truth(field: Field, value: Scalar) -> int:
    found = {"true": 1, "false": 0, "": 0}.get(spelt(value))
    if found is None:
        raise QueryError(
            f"Can't parse boolean value [{str(value)[:64]}] for [{field.name}], expected [true] or [false]",
            "query_shard_exception",
        )
    return found


def _number(field: Field, value: Scalar) -> int | float:
    number = None if isinstance(value, bool) else _number_or_none(value)
    if number is None:
        raise QueryError(
            f'failed to create query: For input string: "{str(value)[:64]}" on [{field.name}]', "query_shard_exception"
        )
    return number


def _number_or_none(value: Scalar) -> int | float | None:
    if isinstance(value, int | float):
        return value
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) >= 1 << 63:
        return None
    return int(number) if number == number.to_integral_value() else float(number)
