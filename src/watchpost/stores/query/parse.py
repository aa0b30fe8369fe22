"""A query clause as JSON to the tree. What is not supported raises a `QueryError` that names it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

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
    Operator,
    Prefix,
    Query,
    Range,
    Scalar,
    Terms,
    Wildcard,
)

MAX_DEPTH: Final = 20
"""How deep `bool` may be nested, as `indices.query.bool.max_nested_depth` is."""
MAX_CLAUSES: Final = 1024
"""Clauses and values of a whole query."""
MAX_TEXT: Final = 10_000
"""Characters of a text in a query."""
MAX_PATTERN: Final = 1000
"""Characters of a wildcard."""
MAX_FIELD_NAME: Final = 512


class _Parser:
    def __init__(self) -> None:
        self._clauses = 0
        self._depth = 0

    def query(self, data: object) -> Query:
        if not isinstance(data, Mapping):
            raise QueryError(f"a query is an object with one key, not {_kind(data)}")
        if len(data) != 1:
            names = ", ".join(sorted(map(str, data))[:5]) or "none"
            raise QueryError(f"a query has one key, its type; found: {names}")
        ((name, body),) = data.items()
        parse = _CLAUSES.get(name)
        if parse is None:
            raise QueryError(f"unknown query [{str(name)[:64]}]; supported are: {', '.join(sorted(_CLAUSES))}")
        self.count(1)
        if self._depth >= MAX_DEPTH:
            raise illegal(f"a query may be nested {MAX_DEPTH} deep, not deeper")
        if not isinstance(body, Mapping):
            raise QueryError(f"[{name}] takes an object, not {_kind(body)}")
        self._depth += 1
        parsed = parse(self, body)
        self._depth -= 1
        return parsed

    def count(self, number: int) -> None:
        self._clauses += number
        if self._clauses > MAX_CLAUSES:
            raise QueryError(f"a query holds at most {MAX_CLAUSES} clauses and values", "too_many_clauses")

    def clauses(self, data: object) -> tuple[Query, ...]:
        items = data if isinstance(data, list) else [data]
        return tuple(self.query(item) for item in items)

    def bool(self, body: Mapping[str, Any]) -> Query:
        _only("bool", body, "must", "filter", "should", "must_not", "minimum_should_match", "boost")
        should = self.clauses(body.get("should", []))
        must, filters = self.clauses(body.get("must", [])), self.clauses(body.get("filter", []))
        asked = body.get("minimum_should_match")
        default = 1 if should and not must and not filters else 0
        return Bool(
            must,
            filters,
            should,
            self.clauses(body.get("must_not", [])),
            default if asked is None else least_of(asked, len(should)),
            _boost(body),
        )

    def match(self, body: Mapping[str, Any]) -> Query:
        field, options = _field("match", body, "query")
        _only("match", options, "query", "operator", "minimum_should_match", "boost")
        return _match("match", field, options, _boost(options))

    def multi_match(self, body: Mapping[str, Any]) -> Query:
        _only("multi_match", body, "query", "fields", "operator", "minimum_should_match", "type", "boost")
        if (kind := body.get("type", "best_fields")) != "best_fields":
            raise unsupported(f"[multi_match] of type [{str(kind)[:64]}]")
        fields = body.get("fields")
        if not isinstance(fields, list) or not fields:
            raise illegal("[multi_match] needs [fields], a list of names")
        self.count(len(fields))
        matches = []
        for name in fields:
            field, _, boost = name.partition("^") if isinstance(name, str) else ("", "", "")
            if "*" in field:
                raise unsupported("[multi_match] with wildcards in [fields]")
            matches.append(_match("multi_match", _name(field), body, _number("boost", boost) if boost else 1.0))
        return MultiMatch(tuple(matches), _boost(body))

    def term(self, body: Mapping[str, Any]) -> Query:
        field, options = _field("term", body, "value")
        _only("term", options, "value", "boost", "case_insensitive")
        value = _scalar("term", options.get("value"))
        return Terms(field, (value,), _flag(options, "case_insensitive"), _boost(options))

    def terms(self, body: Mapping[str, Any]) -> Query:
        names = [name for name in body if name != "boost"]
        if len(names) != 1:
            raise QueryError("[terms] takes one field")
        values = body[names[0]]
        if isinstance(values, Mapping):
            raise unsupported("[terms] lookup")
        if not isinstance(values, list):
            raise QueryError(f"[terms] takes a list of values for [{names[0]}], not {_kind(values)}")
        self.count(len(values))
        return Terms(_name(names[0]), tuple(_scalar("terms", value) for value in values), boost=_boost(body))

    def range(self, body: Mapping[str, Any]) -> Query:
        field, options = _field("range", body)
        _only("range", options, *_RANGE)
        if (chosen := options.get("format", "strict_date_optional_time||epoch_millis")) not in _FORMATS:
            raise unsupported(f"[range] with format [{str(chosen)[:64]}]")
        ends: dict[str, Bound | None] = {"lower": None, "upper": None}
        for end, names in (("lower", ("gte", "gt", "from")), ("upper", ("lte", "lt", "to"))):
            for name in names:
                if options.get(name) is not None:
                    is_inclusive = name in ("gte", "lte") or (
                        name in ("from", "to") and _flag(options, f"include_{end}", default=True)
                    )
                    if ends[end] is not None:
                        raise illegal(f"[range] on [{field}] has two {end} bounds")
                    ends[end] = Bound(_scalar("range", options[name]), is_inclusive)
        zone = options.get("time_zone", "UTC")
        if not isinstance(zone, str):
            raise illegal("[time_zone] is a text")
        return Range(field, ends["lower"], ends["upper"], zone, _boost(options))

    def prefix(self, body: Mapping[str, Any]) -> Query:
        field, options = _field("prefix", body, "value")
        _only("prefix", options, "value", "boost", "case_insensitive")
        text = _pattern("prefix", options.get("value"))
        return Prefix(field, text, _flag(options, "case_insensitive"), _boost(options))

    def wildcard(self, body: Mapping[str, Any]) -> Query:
        field, options = _field("wildcard", body, "value")
        _only("wildcard", options, "value", "wildcard", "boost", "case_insensitive")
        pattern = _pattern("wildcard", options.get("value", options.get("wildcard")))
        return Wildcard(field, pattern, _flag(options, "case_insensitive"), _boost(options))

    def exists(self, body: Mapping[str, Any]) -> Query:
        _only("exists", body, "field", "boost")
        return Exists(_name(body.get("field")), _boost(body))

    def ids(self, body: Mapping[str, Any]) -> Query:
        _only("ids", body, "values", "boost")
        values = body.get("values")
        if not isinstance(values, list):
            raise QueryError("[ids] needs [values], a list of ids")
        self.count(len(values))
        return Ids(tuple(str(_scalar("ids", value)) for value in values), _boost(body))

    def match_all(self, body: Mapping[str, Any]) -> Query:
        _only("match_all", body, "boost")
        return MatchAll(_boost(body))

    def match_none(self, body: Mapping[str, Any]) -> Query:
        _only("match_none", body, "boost")
        return MatchNone()


_CLAUSES: Final[dict[str, Callable[[_Parser, Mapping[str, Any]], Query]]] = {
    "bool": _Parser.bool,
    "exists": _Parser.exists,
    "ids": _Parser.ids,
    "match": _Parser.match,
    "match_all": _Parser.match_all,
    "match_none": _Parser.match_none,
    "multi_match": _Parser.multi_match,
    "prefix": _Parser.prefix,
    "range": _Parser.range,
    "term": _Parser.term,
    "terms": _Parser.terms,
    "wildcard": _Parser.wildcard,
}
_RANGE: Final = (
    *("gte", "gt", "lte", "lt", "from", "to", "include_lower", "include_upper"),
    *("time_zone", "format", "boost"),
)
_FORMATS: Final = frozenset(
    {"strict_date_optional_time||epoch_millis", "strict_date_optional_time", "epoch_millis", "date_optional_time"}
)


def parse_query(data: object) -> Query:
    """A clause such as `{"term": {"camera": "gate"}}` as a tree. Raises `QueryError`."""
    try:
        return _Parser().query(data)
    except RecursionError:
        raise illegal(f"a query may be nested {MAX_DEPTH} deep, not deeper") from None


def _match(kind: str, field: str, options: Mapping[str, Any], boost: float) -> Match:
    text = _scalar(kind, options.get("query"))
    operator = str(options.get("operator", "or")).lower()
    if operator not in ("and", "or"):
        raise illegal(f"[operator] is and or or, not [{operator[:64]}]")
    chosen: Operator = "and" if operator == "and" else "or"
    minimum = options.get("minimum_should_match")
    if minimum is not None:
        least_of(minimum, 1)
    return Match(field, text, chosen, minimum, boost)


def _field(kind: str, body: Mapping[str, Any], short: str | None = None) -> tuple[str, Mapping[str, Any]]:
    """The one field of a clause and its options; `{field: value}` is short for `{field: {short: value}}`."""
    if len(body) != 1:
        raise QueryError(f"[{kind}] takes one field, not {len(body)}")
    ((name, options),) = body.items()
    if not isinstance(options, Mapping):
        if short is None or isinstance(options, list):
            raise QueryError(f"[{kind}] on [{str(name)[:64]}] takes an object, not {_kind(options)}")
        options = {short: options}
    return _name(name), options


def _name(name: object) -> str:
    if not isinstance(name, str) or not name or len(name) > MAX_FIELD_NAME or not is_text(name):
        raise illegal(f"a field's name is a text of 1 to {MAX_FIELD_NAME} characters")
    return name


def is_text(value: str) -> bool:
    """Whether a text can be stored: it has no halves of surrogate pairs and no zero."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _scalar(kind: str, value: object) -> Scalar:
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise illegal(f"[{kind}] has a text of more than {MAX_TEXT} characters")
        if not is_text(value):
            raise illegal(f"[{kind}] has a text that is no valid Unicode")
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) >= 1 << 63:
            raise illegal(f"[{kind}] has a number out of range")
        return value
    raise QueryError(f"[{kind}] needs a value: a text, a number, true or false, not {_kind(value)}")


def _pattern(kind: str, value: object) -> str:
    text = _scalar(kind, value)
    if not isinstance(text, str) or len(text) > MAX_PATTERN:
        raise illegal(f"[{kind}] takes a text of up to {MAX_PATTERN} characters")
    return text


def _only(kind: str, body: Mapping[str, Any], *known: str) -> None:
    for name in body:
        if name not in known and name != "_name":
            raise QueryError(f"[{kind}] does not support [{str(name)[:64]}]; supported are: {', '.join(known)}")


def _flag(body: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise illegal(f"[{name}] is true or false")
    return value


def _boost(body: Mapping[str, Any]) -> float:
    return _number("boost", body.get("boost", 1.0))


def _number(name: str, value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise illegal(f"[{name}] is a number") from None
    if isinstance(value, bool) or not 0 <= number < 1e9:
        raise illegal(f"[{name}] is a number from 0 up")
    return number


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
