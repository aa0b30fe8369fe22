"""Aggregations: `terms`, `date_histogram`, `histogram`, `stats` and `cardinality`, below a bucket one level deep."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from watchpost.stores.query.dates import parse_zone
from watchpost.stores.query.errors import QueryError, illegal, unsupported
from watchpost.stores.query.parse import is_text

Kind = Literal["terms", "date_histogram", "histogram", "stats", "cardinality"]
MAX_AGGREGATIONS: Final = 32
"""In a search, those below others included."""
MAX_BUCKETS: Final = 65_536
"""As Elasticsearch's `search.max_buckets`."""
_CALENDAR: Final = {
    **dict.fromkeys(("1m", "minute"), "m"),
    **dict.fromkeys(("1h", "hour"), "h"),
    **dict.fromkeys(("1d", "day"), "d"),
    **dict.fromkeys(("1w", "week"), "w"),
    **dict.fromkeys(("1M", "month"), "M"),
    **dict.fromkeys(("1q", "quarter"), "q"),
    **dict.fromkeys(("1y", "year"), "y"),
}
_FIXED_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_OPTIONS: Final = {
    "terms": ("field", "size", "order", "min_doc_count"),
    "date_histogram": ("field", "calendar_interval", "fixed_interval", "time_zone", "min_doc_count", "order"),
    "histogram": ("field", "interval", "min_doc_count", "order"),
    "stats": ("field",),
    "cardinality": ("field", "precision_threshold"),
}


@dataclass(frozen=True, slots=True)
class Aggregation:
    """One aggregation, under the name that its result gets."""

    name: str
    kind: Kind
    field: str
    below: tuple[Aggregation, ...] = ()
    size: int = 10
    """Buckets of `terms`."""
    order_by: Literal["_count", "_key"] = "_count"
    is_ascending: bool = False
    least_count: int = 1
    """Buckets with fewer documents are left out."""
    unit: str = ""
    """Of `date_histogram`: a unit of the calendar (see `dates.floor`), empty for a fixed interval."""
    interval_ms: int = 0
    zone: str = "UTC"
    interval: float = 0.0
    """Of `histogram`: how wide its buckets are; they are counted from 0."""

    @property
    def makes_buckets(self) -> bool:
        """Whether documents are sorted into buckets, rather than counted up to a figure."""
        return self.kind in ("terms", "date_histogram", "histogram")


def parse_aggregations(data: object) -> tuple[Aggregation, ...]:
    """`{"by camera": {"terms": {"field": "camera"}, "aggs": {...}}}`. Raises `QueryError`."""
    found = _level(data, depth=0)
    if sum(1 + len(each.below) for each in found) > MAX_AGGREGATIONS:
        raise illegal(f"a search has at most {MAX_AGGREGATIONS} aggregations")
    return found


def _level(data: object, depth: int) -> tuple[Aggregation, ...]:
    if not isinstance(data, Mapping):
        raise QueryError("[aggs] takes an object of names and aggregations")
    return tuple(_aggregation(str(name), body, depth) for name, body in data.items())


def _aggregation(name: str, body: object, depth: int) -> Aggregation:
    if not name or len(name) > 256 or not is_text(name) or re.search(r"[\[\]>]", name):
        raise QueryError("an aggregation's name is a text of up to 256 characters without [, ] and >")
    if not isinstance(body, Mapping):
        raise QueryError(f"aggregation [{name}] takes an object")
    kinds = [key for key in body if key not in ("aggs", "aggregations", "meta")]
    if len(kinds) != 1:
        raise QueryError(f"aggregation [{name}] has one type, not {len(kinds)}")
    kind: Any = kinds[0]
    if kind not in _OPTIONS:
        raise QueryError(f"unknown aggregation [{str(kind)[:64]}]; supported are: {', '.join(_OPTIONS)}")
    options = body[kind]
    if not isinstance(options, Mapping):
        raise QueryError(f"[{kind}] takes an object")
    for option in options:
        if option not in _OPTIONS[kind]:
            raise unsupported(f"[{str(option)[:64]}] in [{kind}]")
    field = options.get("field")
    if not isinstance(field, str) or not field or len(field) > 512 or not is_text(field):
        raise QueryError(f"[{kind}] needs [field]")
    below = body.get("aggs", body.get("aggregations")) or {}
    if below and kind in ("stats", "cardinality"):
        raise QueryError(f"aggregator [{name}] of type [{kind}] cannot accept sub-aggregations", "parsing_exception")
    if below and depth:
        raise unsupported("aggregations nested more than one level deep")
    return _of_kind(name, kind, field, options, _level(below, depth + 1))


def _of_kind(
    name: str, kind: Kind, field: str, options: Mapping[str, Any], below: tuple[Aggregation, ...]
) -> Aggregation:
    order_by, is_ascending = _order(options.get("order", {"_count" if kind == "terms" else "_key": None}), kind)
    if kind == "terms":
        size, least = _number(options, "size", 10, 1), _number(options, "min_doc_count", 1, 0)
        if least == 0:
            raise unsupported("[min_doc_count] 0 in [terms]")
        return Aggregation(name, kind, field, below, size, order_by, is_ascending, least)
    if kind == "date_histogram":
        unit, interval_ms = _interval(options)
        zone = options.get("time_zone", "UTC")
        if not isinstance(zone, str):
            raise illegal("[time_zone] is a text")
        parse_zone(zone)
        least = _number(options, "min_doc_count", 0, 0)
        return Aggregation(
            name, kind, field, below, MAX_BUCKETS, order_by, is_ascending, least, unit, interval_ms, zone
        )
    if kind == "histogram":
        interval = options.get("interval")
        if isinstance(interval, bool) or not isinstance(interval, int | float) or not 1e-6 <= interval <= 1e12:
            raise illegal("[interval] of [histogram] is a number above 0")
        least = _number(options, "min_doc_count", 0, 0)
        return Aggregation(
            name, kind, field, below, MAX_BUCKETS, order_by, is_ascending, least, interval=float(interval)
        )
    return Aggregation(name, kind, field, below)


def _interval(options: Mapping[str, Any]) -> tuple[str, int]:
    calendar, fixed = options.get("calendar_interval"), options.get("fixed_interval")
    if (calendar is None) == (fixed is None):
        raise illegal("[date_histogram] needs [calendar_interval] or [fixed_interval]")
    if calendar is not None:
        if calendar not in _CALENDAR:
            raise illegal(f"[calendar_interval] is one of {', '.join(_CALENDAR)}")
        return _CALENDAR[calendar], 0
    match = re.fullmatch(r"(\d{1,9})(ms|[smhd])", str(fixed))
    if match is None or not int(match[1]):
        raise illegal("[fixed_interval] is a number with ms, s, m, h or d")
    return "", int(match[1]) * _FIXED_MS[match[2]]


def _order(data: object, kind: Kind) -> tuple[Literal["_count", "_key"], bool]:
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if not isinstance(data, Mapping) or len(data) != 1:
        raise unsupported("[order] by several keys")
    ((key, direction),) = data.items()
    if key not in ("_count", "_key"):
        raise unsupported(f"[order] by [{str(key)[:64]}]")
    if direction is None:
        return key, kind != "terms"
    if direction not in ("asc", "desc"):
        raise illegal("[order] is asc or desc")
    return key, direction == "asc"


def _number(options: Mapping[str, Any], name: str, default: int, least: int) -> int:
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MAX_BUCKETS:
        raise illegal(f"[{name}] is a whole number from {least} to {MAX_BUCKETS}")
    return value
