"""What many events say together: counts over time, crossings, stays, who it was. Pure functions over a store's `query`.

All of them count events by when they ended, and are as exact as the store's aggregations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, Literal

import numpy as np

from watchpost.runtime.footprints import COLUMNS, ROWS, Grid
from watchpost.stores.query.errors import illegal
from watchpost.web.questions import Clause

Ask = Callable[[Mapping[str, Any]], dict[str, Any]]
"""A store's `query`."""
Step = Literal["hour", "day", "week", "month"]
By = Literal["camera", "kind", "class_name", "zone"]
LONGEST_S: Final[dict[Step, float]] = {"hour": 62 * 86_400, "day": 3 * 366 * 86_400, "week": 1e12, "month": 1e12}
"""How long a time may be that is counted in such steps."""
_GROUPS: Final = 50
_LINES: Final = 200
STAY_EDGES_S: Final = (0, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
"""Lower ends of the bars of a histogram of stays; the last one has no upper end."""
_FINE_S: Final = 0.5
"""How exactly stays are known for percentiles."""
_BOXES: Final = 10_000


def check_span(since_s: float, until_s: float, step: Step) -> None:
    """Raises `QueryError` for a time that is none, or too long for its steps."""
    if since_s >= until_s:
        raise illegal("until is not after since")
    if until_s - since_s > LONGEST_S[step]:
        days = LONGEST_S[step] / 86_400
        raise illegal(f"at most {days:.0f} days are counted by the {step}; ask for less, or for longer steps")


def counts(ask: Ask, clauses: list[Clause], step: Step, zone: str, by: By | None = None) -> list[dict[str, Any]]:
    """Events in each step that has some: `time` (when it begins, seconds since 1970), `count`, and with `by` the counts
    of each of its values."""
    histogram = {"field": "end.time", "calendar_interval": step, "time_zone": zone, "min_doc_count": 1}
    wanted: dict[str, Any] = {"date_histogram": histogram}
    if by is not None:
        wanted["aggs"] = {"by": {"terms": {"field": by, "size": _GROUPS}}}
    found = []
    for bucket in _ask(ask, clauses, {"times": wanted})["times"]["buckets"]:
        each = {"time": bucket["key"] / 1000, "count": bucket["doc_count"]}
        found.append(each if by is None else each | {"by": _as_counts(bucket["by"])})
    return found


def hours_of_days(
    ask: Ask, clauses: list[Clause], since_s: float, until_s: float, zone_name: str, zone: tzinfo
) -> dict[str, Any]:
    """A heat map: the `days` of a zone from first to last, and for each the `counts` of its 24 hours on the clock.

    The hour that a clock shows twice in autumn holds both.
    """
    first, last = (datetime.fromtimestamp(each, zone).date() for each in (since_s, until_s - 1e-3))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    grid = {day: [0] * 24 for day in days}
    for each in counts(ask, clauses, "hour", zone_name):
        moment = datetime.fromtimestamp(each["time"], zone)
        if moment.date() in grid:
            grid[moment.date()][moment.hour] += each["count"]
    return {"days": [day.isoformat() for day in days], "counts": [grid[day] for day in days]}


def crossings(ask: Ask, clauses: list[Clause], step: Step, zone: str) -> dict[str, Any]:
    """Who crossed the lines, and which way: `steps` over time and `totals` by camera and line."""
    steps: dict[float, dict[str, dict[str, int]]] = {}
    totals: dict[tuple[str, str], dict[str, int]] = {}
    lines = {"terms": {"field": "zone", "size": _LINES}}
    histogram = {"field": "end.time", "calendar_interval": step, "time_zone": zone, "min_doc_count": 1}
    for way in ("in", "out"):
        crossed = [*clauses, {"term": {"kind": "crossed"}}, {"term": {"attributes.direction": way}}]
        wanted = {
            "times": {"date_histogram": histogram, "aggs": {"lines": lines}},
            "cameras": {"terms": {"field": "camera", "size": _LINES}, "aggs": {"lines": lines}},
        }
        answer = _ask(ask, crossed, wanted)
        for bucket in answer["times"]["buckets"]:
            here = steps.setdefault(bucket["key"] / 1000, {})
            for line, count in _as_counts(bucket["lines"]).items():
                here.setdefault(line, {"in": 0, "out": 0})[way] += count
        for bucket in answer["cameras"]["buckets"]:
            for line, count in _as_counts(bucket["lines"]).items():
                totals.setdefault((bucket["key"], line), {"in": 0, "out": 0})[way] += count
    return {
        "steps": [{"time": time, "lines": steps[time]} for time in sorted(steps)],
        "totals": [{"camera": camera, "line": line, **found} for (camera, line), found in sorted(totals.items())],
    }


def stays(ask: Ask, clauses: list[Clause]) -> list[dict[str, Any]]:
    """How long people stayed: in each zone (`exited`), and in the picture (`left`, zone `None`).

    `histogram` has a count for each of `STAY_EDGES_S`; percentiles are exact to half a second.
    """
    durations = {"histogram": {"field": "duration_s", "interval": _FINE_S, "min_doc_count": 1}}
    zones = {"terms": {"field": "zone", "size": _LINES}, "aggs": {"stays": durations}}
    in_zones = _ask(ask, [*clauses, {"term": {"kind": "exited"}}], {"zones": zones})["zones"]["buckets"]
    in_picture = _ask(ask, [*clauses, {"term": {"kind": "left"}}], {"stays": durations})["stays"]
    found = [_stay(bucket["key"], bucket["stays"]["buckets"]) for bucket in in_zones]
    return found + ([_stay(None, in_picture["buckets"])] if in_picture["buckets"] else [])


def composition(ask: Ask, clauses: list[Clause], by: By) -> dict[str, Any]:
    """What the events are made of: `parts` with `value` and `count`, the most frequent first, and `others` beyond."""
    answer = _ask(ask, clauses, {"by": {"terms": {"field": by, "size": _GROUPS}}})["by"]
    parts = [{"value": each["key"], "count": each["doc_count"]} for each in answer["buckets"]]
    return {"parts": parts, "others": answer["sum_other_doc_count"]}


def event_feet(ask: Ask, clauses: list[Clause]) -> tuple[Grid, int]:
    """Where those were that events tell of: a grid of counts (27, 48) over the middle of each box's lower edge, and how
    many events it is made of: the newest 10,000 at most."""
    body = {
        "query": {"bool": {"filter": [*clauses, {"exists": {"field": "box"}}]}},
        "sort": [{"end.time": "desc"}],
        "size": _BOXES,
        "_source": ["box"],
        "track_total_hits": False,
    }
    boxes = [hit["_source"]["box"] for hit in ask(body)["hits"]["hits"]]
    grid = np.zeros((ROWS, COLUMNS), np.float32)
    if boxes:
        left, _, right, bottom = np.asarray(boxes, np.float64).T
        column = np.clip((left + right) / 2 * COLUMNS, 0, COLUMNS - 1).astype(np.intp)
        row = np.clip(bottom * ROWS, 0, ROWS - 1).astype(np.intp)
        np.add.at(grid, (row, column), 1.0)
    return grid, len(boxes)


def _ask(ask: Ask, clauses: list[Clause], aggregations: Mapping[str, Any]) -> dict[str, Any]:
    query = {"bool": {"filter": clauses}}
    answer = ask({"query": query, "size": 0, "track_total_hits": False, "aggs": aggregations})
    found: dict[str, Any] = answer["aggregations"]
    return found


def _as_counts(terms: Mapping[str, Any]) -> dict[str, int]:
    return {bucket["key"]: bucket["doc_count"] for bucket in terms["buckets"]}


def _stay(zone: str | None, buckets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    fine = Counter({bucket["key"]: bucket["doc_count"] for bucket in buckets})
    bars = [0] * len(STAY_EDGES_S)
    for begin_s, count in fine.items():
        bars[_bar(begin_s)] += count
    return {
        "zone": zone,
        "count": fine.total(),
        "histogram": bars,
        **{f"p{share}_s": _percentile(sorted(fine.items()), share / 100) for share in (50, 90, 95)},
    }


def _bar(seconds: float) -> int:
    return sum(seconds >= edge for edge in STAY_EDGES_S[1:])


def _percentile(fine: Sequence[tuple[float, int]], share: float) -> float:
    """The middle of the half second that holds the nearest rank."""
    wanted, passed = share * sum(count for _, count in fine), 0
    for begin_s, count in fine:
        passed += count
        if passed >= wanted:
            return begin_s + _FINE_S / 2
    return 0.0
