"""How many of the events that were asked for there are by camera, kind, class, zone and day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from watchpost.web.questions import Clause

MOST_COUNTED: Final = 100_000
"""Events that are counted, the newest of them: what takes part of a second in a store of any size."""
_NAMES: Final = ("camera", "kind", "class_name", "zone")
_VALUES: Final = 100
_DAYS: Final = 366
_FIRST_SPAN_S: Final = 3600.0
Ask = Callable[[Mapping[str, Any]], dict[str, Any]]
"""A store's `query`."""


def facets(ask: Ask, clauses: list[Clause], newest_s: float | None, zone: str) -> dict[str, Any]:
    """Counts by field, the most frequent first, and by day of `zone`, the newest first.

    `newest_s` is when the newest of the events ended, `None` where there are none. `since` is the time from which on
    they were counted, `None` where all were. Raises `QueryError` and `WatchpostError`.
    """
    since_s = None if newest_s is None else _bound(ask, clauses, newest_s)
    bounds = [] if since_s is None else [{"range": {"end.wall_time_s": {"gte": since_s}}}]
    wanted: dict[str, Any] = {name: {"terms": {"field": name, "size": _VALUES}} for name in _NAMES}
    day = {"field": "end.time", "calendar_interval": "day", "time_zone": zone, "min_doc_count": 1}
    wanted["day"] = {"date_histogram": day | {"order": {"_key": "desc"}}}
    query = {"bool": {"filter": clauses + bounds}}
    answer = ask({"query": query, "size": 0, "track_total_hits": False, "aggs": wanted})
    found: dict[str, Any] = {"since": since_s}
    for name in _NAMES:
        buckets = answer["aggregations"][name]["buckets"]
        found[name] = [{"value": each["key"], "count": each["doc_count"]} for each in buckets]
    days = answer["aggregations"]["day"]["buckets"][:_DAYS]
    found["day"] = [{"start": each["key"] / 1000, "count": each["doc_count"]} for each in days]
    return found


def _bound(ask: Ask, clauses: list[Clause], newest_s: float) -> float | None:
    """Since when there are at most `MOST_COUNTED` events, `None` where there are no more in all."""
    if _count(ask, clauses, None) <= MOST_COUNTED:
        return None
    span_s = _FIRST_SPAN_S
    while _count(ask, clauses, newest_s - 2 * span_s) <= MOST_COUNTED:
        span_s *= 2
    return newest_s - span_s


def _count(ask: Ask, clauses: list[Clause], since_s: float | None) -> int:
    bounds = [] if since_s is None else [{"range": {"end.wall_time_s": {"gte": since_s}}}]
    query = {"bool": {"filter": clauses + bounds}}
    answer = ask({"query": query, "size": 0, "track_total_hits": MOST_COUNTED + 1})
    return int(answer["hits"]["total"]["value"])
