"""The table of events as the compiler of queries sees it, and its mapping as Elasticsearch would have it.

A row's key is the microsecond at which the event ended, times 2048, plus a number among those of that microsecond.
Rows, and with them the index of words, lie in the order in which events are nearly always asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from watchpost.stores.embedded.conditions import date_bound
from watchpost.stores.embedded.sql import FALSE, TRUE, Sql
from watchpost.stores.embedded.table import Field, Test
from watchpost.stores.query.errors import illegal
from watchpost.stores.query.tree import Range

TIES: Final = 2048
"""Events of one microsecond that keep their order; further ones are put into the next microseconds."""
_SLACK_US: Final = 1_000_000
_LONGEST_US: Final = (1 << 62) // TIES
EXACT_TAGS: Final = {"camera": "a", "rule": "b", "kind": "c", "class_name": "d", "zone": "e"}
"""Fields whose exact values stand in the index of words; the same letters carry their words."""
TEXT_TAG: Final = "t"
"""Of all words of an event: the field `text`."""

_DATE: Final = {"start.time": "(e.start_wall_us / 1000)", "end.time": "(e.end_wall_us / 1000)"}
_DOUBLE: Final = {
    "score": "e.score",
    "duration_s": "e.duration_s",
    "start.camera_time_s": "e.start_camera_time_s",
    "end.camera_time_s": "e.end_camera_time_s",
    "start.wall_time_s": "(e.start_wall_us / 1e6)",
    "end.wall_time_s": "(e.end_wall_us / 1e6)",
}
_FIELDS: Final[dict[str, tuple[Field, str]]] = {
    "id": (Field("id", "keyword", is_required=True), "e.id"),
    **{name: (Field(name, "keyword", exact_tag=tag), f"e.{name}") for name, tag in EXACT_TAGS.items()},
    **{f"{name}.text": (Field(f"{name}.text", "text", word_tag=tag), "") for name, tag in EXACT_TAGS.items()},
    "text": (Field("text", "text", word_tag=TEXT_TAG), ""),
    "track_id": (Field("track_id", "long"), "e.track_id"),
    "has_snapshot": (Field("has_snapshot", "boolean"), "(e.id IN (SELECT event_id FROM snapshots))"),
    "box": (Field("box", "double", is_indexed=False), "e.box"),
    **{name: (Field(name, "double", is_required=True), sql) for name, sql in _DOUBLE.items()},
    **{name: (Field(name, "date", is_required=True), sql) for name, sql in _DATE.items()},
}
_ATTRIBUTES: Final = "attributes."
_NEVER_EMPTY: Final = frozenset({"start", "end", "id", "has_snapshot", *EXACT_TAGS, *_DATE, *_DOUBLE}) - {"zone"}


class EventsTable:
    """See `table.Table`. `shortest_us` and `longest_us` bound what lies between start and end of any event."""

    rows = "events e"
    key = "e.key"
    words = "events_words"
    scope = TRUE

    def __init__(self, shortest_us: int = 0, longest_us: int = 0) -> None:
        self._shortest_us = shortest_us
        self._longest_us = longest_us

    def field(self, name: str) -> Field | None:
        """A field that can be searched."""
        if name in _FIELDS:
            return _FIELDS[name][0]
        return Field(name, "any") if name.startswith(_ATTRIBUTES) and len(name) > len(_ATTRIBUTES) else None

    def holds(self, field: Field, test: Test) -> Sql:
        """A condition: the field has a value that passes the test."""
        if field.name.startswith(_ATTRIBUTES):
            found = test("a.value")
            return Sql(
                f"EXISTS (SELECT 1 FROM json_each(e.attributes) a WHERE a.key = ? AND {found.text})",  # noqa: S608
                (_attribute(field.name), *found.values),
            )
        return test(_FIELDS[field.name][1])

    def exists(self, name: str) -> Sql:
        """A condition: the field has a value."""
        plain = name.removesuffix(".text")
        if plain in _NEVER_EMPTY or name == "text":
            return TRUE
        if plain in ("zone", "track_id", "box"):
            return Sql(f"e.{plain} IS NOT NULL")
        if name == "attributes":
            return Sql("e.attributes <> '{}'")
        field = self.field(name)
        return FALSE if field is None else self.holds(field, lambda value: Sql(f"{value} IS NOT NULL"))

    def ids(self, ids: Sequence[str]) -> Sql:
        """A condition: the event has one of these ids."""
        return Sql("e.id IN (SELECT value FROM json_each(?))", (json.dumps(ids),)) if ids else FALSE

    def value(self, field: Field, *, is_greatest: bool) -> Sql:  # noqa: ARG002 - events have no lists
        """The value to sort by."""
        if field.name.startswith(_ATTRIBUTES):
            return Sql("(SELECT a.value FROM json_each(e.attributes) a WHERE a.key = ?)", (_attribute(field.name),))
        if not field.is_indexed:
            raise illegal(f"Cannot sort by [{field.name}] since it is not indexed.")
        return Sql(_FIELDS[field.name][1])

    def joined(self, field: Field, alias: str) -> tuple[Sql, str]:
        """How to get at each value of a field."""
        if field.name.startswith(_ATTRIBUTES):
            join = f" JOIN json_each(e.attributes) {alias} ON {alias}.key = ?"
            return Sql(join, (_attribute(field.name),)), f"{alias}.value"
        if not field.is_indexed:
            raise illegal(f"Cannot aggregate [{field.name}] since it is not indexed.")
        return Sql(""), _FIELDS[field.name][1]

    def key_bounds(self, query: Range, now_ms: int) -> tuple[int | None, int | None]:
        """Between which keys all events lie that a range over their time finds."""
        moment, _, kind = query.field.partition(".")
        if moment not in ("start", "end") or kind not in ("time", "wall_time_s"):
            return None, None
        ends: list[int | None] = []
        for side, bound in (("lower", query.lower), ("upper", query.upper)):
            if bound is None or isinstance(bound.value, bool):
                ends.append(None)
            elif kind == "time":
                ends.append(date_bound(bound, side, query.time_zone, now_ms) * 1000)
            else:
                ends.append(_microseconds(bound.value))
        lowest, highest = ends
        if moment == "start":
            lowest = None if lowest is None else lowest + self._shortest_us
            highest = None if highest is None else highest + self._longest_us
        return (
            None if lowest is None else key_at(lowest - _SLACK_US),
            None if highest is None else key_at(highest + _SLACK_US),
        )

    def follows_key(self, name: str) -> bool:
        """Whether events in the order of this field are rows in the order of their keys."""
        return name in ("end.time", "end.wall_time_s")

    def texts_of(self, name: str) -> tuple[str, ...]:
        """Where in the document the texts of a field stand."""
        if name == "text":
            return (*EXACT_TAGS, "attributes")
        return (name.removesuffix(".text"),)


def key_at(wall_us: int) -> int:
    """The first key of a microsecond."""
    return min(max(wall_us, -_LONGEST_US), _LONGEST_US) * TIES


def _microseconds(value: str | int | float) -> int | None:
    try:
        return round(float(value) * 1e6)
    except (ValueError, OverflowError):
        return None


def _attribute(name: str) -> str:
    return name[len(_ATTRIBUTES) :]
