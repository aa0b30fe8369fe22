"""The body of a search: query, sort, page, `_source`, highlight and aggregations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from watchpost.stores.query.aggregations import Aggregation, parse_aggregations
from watchpost.stores.query.errors import QueryError, illegal, unsupported
from watchpost.stores.query.highlight import Highlight, parse_highlight
from watchpost.stores.query.parse import is_text, parse_query
from watchpost.stores.query.source import SourceFilter, parse_source
from watchpost.stores.query.tree import MatchAll, Query, Scalar

MAX_WINDOW: Final = 10_000
"""`from` + `size`, as Elasticsearch's `index.max_result_window`."""
MAX_SORTS: Final = 8
TOTAL_UP_TO: Final = 10_000
"""How far hits are counted unless `track_total_hits` says otherwise."""
_KEYS: Final = (
    *("query", "sort", "from", "size", "search_after", "_source", "highlight", "aggs", "aggregations"),
    *("track_total_hits", "track_scores", "timeout"),
)


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of the order. `_score`, `_doc` and `_shard_doc` are not fields; documents without a value come last."""

    field: str
    is_descending: bool
    missing: Literal["_last", "_first"] = "_last"
    unmapped_type: str | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A search that was read and found right."""

    query: Query = field(default_factory=MatchAll)
    sort: tuple[Sort, ...] = ()
    """Empty: by score."""
    offset: int = 0
    size: int = 10
    search_after: tuple[Scalar | None, ...] | None = None
    source: SourceFilter = field(default_factory=SourceFilter)
    highlight: Highlight | None = None
    aggregations: tuple[Aggregation, ...] = ()
    total_up_to: int | None = TOTAL_UP_TO
    """Count hits up to this many; `None`: all of them; 0: do not count."""
    tracks_scores: bool = False

    @property
    def needs_score(self) -> bool:
        """Whether hits carry scores."""
        return self.tracks_scores or not self.sort or any(key.field == "_score" for key in self.sort)


def parse_search(body: Mapping[str, Any]) -> Search:
    """The JSON body of a `_search` as a `Search`. Raises `QueryError` naming what is wrong or not supported."""
    for name in body:
        if name not in _KEYS:
            raise QueryError(f"unknown key [{str(name)[:64]}] in the search; supported are: {', '.join(_KEYS)}")
    offset, size = _count(body, "from", 0), _count(body, "size", 10)
    if offset + size > MAX_WINDOW:
        raise illegal(
            f"Result window is too large, from + size must be less than or equal to: [{MAX_WINDOW}] but was"
            f" [{offset + size}]. Use search_after for what lies beyond."
        )
    sort = parse_sort(body.get("sort"))
    after = _search_after(body.get("search_after"), sort)
    if after is not None and offset:
        raise illegal("[from] parameter must be set to 0 when [search_after] is used")
    aggregations = body.get("aggs", body.get("aggregations"))
    if "aggs" in body and "aggregations" in body:
        raise QueryError("[aggs] and [aggregations] are the same; write one of them")
    query = body.get("query")
    return Search(
        query=MatchAll() if query is None else parse_query(query),
        sort=sort,
        offset=offset,
        size=size,
        search_after=after,
        source=parse_source(body.get("_source")),
        highlight=None if (marks := body.get("highlight")) is None else parse_highlight(marks),
        aggregations=parse_aggregations(aggregations or {}),
        total_up_to=_total(body.get("track_total_hits", True), is_default="track_total_hits" not in body),
        tracks_scores=body.get("track_scores") is True,
    )


def parse_sort(data: object) -> tuple[Sort, ...]:
    """`"field"`, `{"field": "desc"}`, `{"field": {"order": "desc"}}`, or a list of them."""
    if data is None:
        return ()
    items = data if isinstance(data, list) else [data]
    if len(items) > MAX_SORTS:
        raise illegal(f"a sort has at most {MAX_SORTS} keys")
    keys: list[Sort] = []
    for item in items:
        if isinstance(item, str):
            field, _, order = item.partition(":")
            keys.append(_sort(field, {"order": order} if order else {}))
        elif isinstance(item, Mapping):
            for field, options in item.items():
                keys.append(_sort(field, {"order": options} if isinstance(options, str) else options))
        else:
            raise QueryError("[sort] takes names of fields and objects")
    return tuple(keys)


def _sort(field: object, options: object) -> Sort:
    if not isinstance(field, str) or not field or not is_text(field) or not isinstance(options, Mapping):
        raise QueryError("[sort] takes names of fields and objects")
    for name in options:
        if name not in ("order", "missing", "unmapped_type", "format", "numeric_type"):
            raise unsupported(f"[{str(name)[:64]}] in [sort]")
    order = options.get("order", "desc" if field == "_score" else "asc")
    missing = options.get("missing", "_last")
    if order not in ("asc", "desc"):
        raise illegal(f"[order] is asc or desc, not [{str(order)[:64]}]")
    if missing not in ("_last", "_first"):
        raise unsupported("[missing] in [sort] with another value than _last and _first")
    unmapped = options.get("unmapped_type")
    return Sort(field, order == "desc", missing, None if unmapped is None else str(unmapped))


def _search_after(data: object, sort: tuple[Sort, ...]) -> tuple[Scalar | None, ...] | None:
    if data is None:
        return None
    if not isinstance(data, list) or not all(value is None or isinstance(value, str | int | float) for value in data):
        raise QueryError("[search_after] takes a list of values, those that a hit has in [sort]")
    if not sort:
        raise illegal("Sort must contain at least one field when [search_after] is used")
    if len(data) != len(sort):
        raise illegal(f"search_after has {len(data)} value(s) but sort has {len(sort)}")
    for value in data:
        if isinstance(value, str) and not is_text(value):
            raise illegal("[search_after] has a text that is no valid Unicode")
        if isinstance(value, int | float) and not abs(value) < 1 << 63:
            raise illegal("[search_after] has a number out of range")
    return tuple(data)


def _count(body: Mapping[str, Any], name: str, default: int) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise illegal(f"[{name}] is a whole number from 0 up")
    return value


def _total(asked: object, *, is_default: bool) -> int | None:
    if is_default:
        return TOTAL_UP_TO
    if isinstance(asked, bool):
        return None if asked else 0
    if isinstance(asked, int) and asked >= 0:
        return asked
    raise illegal("[track_total_hits] is true, false or a whole number")
