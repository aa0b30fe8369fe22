"""Where events are kept and found again.

A store is a plugin file with `Options` and `create(options) -> EventStore`. All stores answer one query language,
Elasticsearch's Query DSL: see `watchpost.stores.query`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from watchpost.types import Event

_PAGE: Final = 1000
"""Events asked for at once."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are asked for; what is `None` or empty does not restrict."""

    text: str | None = None
    """Words that must all occur in camera, rule, kind, class, zone or attributes, in capitals or not."""
    cameras: frozenset[str] = frozenset()
    class_names: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    since_wall_time_s: float | None = None
    """Events that ended at this time or later."""
    until_wall_time_s: float | None = None
    """Events that started before this time."""
    limit: int = 100
    newest_first: bool = True
    """By the time at which the events ended."""

    def body(self) -> dict[str, Any]:
        """The filter as a search in the query language, without its limit."""
        clauses: list[dict[str, Any]] = []
        for field, wanted in (
            ("camera", self.cameras),
            ("class_name", self.class_names),
            ("kind", self.kinds),
        ):
            if wanted:
                clauses.append({"terms": {field: sorted(map(_as_text, wanted))}})
        if self.since_wall_time_s is not None:
            clauses.append({"range": {"end.wall_time_s": {"gte": self.since_wall_time_s}}})
        if self.until_wall_time_s is not None:
            clauses.append({"range": {"start.wall_time_s": {"lt": self.until_wall_time_s}}})
        if self.text is not None and self.text.strip():
            clauses.append({"match": {"text": {"query": _as_text(self.text), "operator": "and"}}})
        order = "desc" if self.newest_first else "asc"
        return {
            "query": {"bool": {"filter": clauses}},
            "sort": [{"end.wall_time_s": order}, {"_doc": order}],
            "track_total_hits": False,
        }


class EventStore(Protocol):
    """Events that outlive the program. Methods may be called from several threads.

    All raise `WatchpostError` when the store can not be read or written.
    """

    def add(self, events: Iterable[Event]) -> None:
        """Keep events; an id that is there already is replaced. Returns when they are on disk."""

    def search(self, query: EventFilter) -> list[Event]:
        """The events that fit, without snapshots."""

    def query(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a search in Elasticsearch's Query DSL, in Elasticsearch's shape.

        Raises `QueryError` naming what is wrong with it or not supported.
        """

    def snapshot(self, event_id: str) -> bytes | None:
        """The JPEG of an event, `None` where there is none."""

    def prune(self, before_wall_time_s: float) -> int:
        """Delete the events that ended before this; returns how many."""

    def close(self) -> None:
        """Finish writing and let go of the files. Safe to call twice."""


def events_of(query: EventFilter, search: Callable[[Mapping[str, Any]], dict[str, Any]]) -> list[Event]:
    """The events that a filter finds with a store's `query`, page by page."""
    from watchpost.stores._event_document import from_document

    body, found = query.body(), list[Event]()
    while (wanted := min(query.limit - len(found), _PAGE)) > 0:
        hits = search(body | {"size": wanted})["hits"]["hits"]
        found += [from_document(hit["_source"]) for hit in hits]
        if len(hits) < wanted:
            break
        body["search_after"] = hits[-1]["sort"]
    return found


def _as_text(value: str) -> str:
    """Bytes of a terminal that are no text become a sign that no event holds."""
    return "".join("\ufffd" if "\ud800" <= sign <= "\udfff" or sign == "\0" else sign for sign in value)
