"""Finding events: by words, by fields and by the query language, page by page; and all about one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import Field

from watchpost.event_json import event_to_json
from watchpost.notes import Marks
from watchpost.notes.book import NoteBook
from watchpost.stores import EventStore
from watchpost.stores.query.parse import parse_query
from watchpost.types import Event
from watchpost.web.access import User, Viewer, may_see
from watchpost.web.api.notes import note_json
from watchpost.web.facets import facets
from watchpost.web.marked import MarkedQuestion
from watchpost.web.questions import Clause, cursor, refusals, search_body
from watchpost.web.services import Services


class Asked(MarkedQuestion):
    """A page of events."""

    order: Literal["newest", "oldest"] = "newest"
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    after: Annotated[str, Field(max_length=200)] | None = None
    """`next` of the page before."""
    facets: bool = False
    """Count by camera, kind, class, zone and day as well."""


class AskedInFull(Asked):
    """The same with a query in the query language beside the rest."""

    query: dict[str, Any] | None = None


def router(services: Services) -> APIRouter:
    """The routes; they come after all others below `/api/events/`."""
    routes = APIRouter(prefix="/api/events", tags=["events"])

    @routes.get("/search", summary="Events by words and fields, a page at a time")
    def search(user: Viewer, asked: Annotated[Asked, Query()]) -> dict[str, Any]:
        with refusals():
            return _page(services, user, asked, [])

    @routes.post("/search", summary="The same, with a query in Elasticsearch's Query DSL")
    def search_in_full(user: Viewer, asked: AskedInFull) -> dict[str, Any]:
        with refusals():
            if asked.query is not None:
                parse_query(asked.query)  # a cluster knows more, also ways to other indices
            return _page(services, user, asked, [] if asked.query is None else [asked.query])

    @routes.get("/{event_id}", summary="All about one event")
    def details(user: Viewer, event_id: str) -> dict[str, Any]:
        event = services.event(event_id)
        if event is None or not may_see(user, event.camera):
            raise HTTPException(404, "no such event")
        book = _book(services)
        said = [] if book is None else book.of_event(event_id)
        return _shown(event_to_json(event), _marks(services, [event_id])) | {
            "has_snapshot": event.snapshot is not None or _has_snapshot(services, event_id),
            "has_clip": _has_clip(services, event),
            "said": [note_json(note) for note in said],
        }

    return routes


def _page(services: Services, user: User, asked: Asked, queries: list[Clause]) -> dict[str, Any]:
    store = _opened(services)
    clauses = asked.clauses(user, services.clock.wall_time_s()) + queries
    clauses += asked.marked(services)
    hits = store.query(search_body(clauses, asked.order, asked.after) | {"size": asked.limit})["hits"]["hits"]
    marks = _marks(services, [hit["_id"] for hit in hits])
    answer: dict[str, Any] = {
        "events": [_shown(hit["_source"], marks) for hit in hits],
        "next": cursor(hits[-1]["sort"]) if len(hits) == asked.limit else None,
    }
    if asked.facets:
        newest = store.query(search_body(clauses) | {"size": 1})["hits"]["hits"]
        newest_s = newest[0]["_source"]["end"]["wall_time_s"] if newest else None
        answer["facets"] = facets(store.query, clauses, newest_s, asked.tz)
    return answer


def _opened(services: Services) -> EventStore:
    store = services.store()
    if store is None:
        raise HTTPException(503, "this server keeps no events")
    return store


def _book(services: Services) -> NoteBook | None:
    return None if services.notes is None else services.notes()


def _marks(services: Services, event_ids: list[str]) -> dict[str, Marks]:
    book = _book(services)
    return {} if book is None else book.marks(event_ids)


def _shown(document: Mapping[str, Any], marks: Mapping[str, Marks]) -> dict[str, Any]:
    mark = marks.get(document["id"], Marks())
    return {
        **document,
        "marks": {"bookmark": mark.is_bookmarked, "false_alarm": mark.is_false_alarm, "notes": mark.notes},
    }


def _has_snapshot(services: Services, event_id: str) -> bool:
    store = services.store()
    if store is None:
        return False
    body = {"query": {"ids": {"values": [event_id]}}, "size": 1, "_source": ["has_snapshot"]}
    hits = store.query(body)["hits"]["hits"]
    return bool(hits and hits[0]["_source"].get("has_snapshot"))


def _has_clip(services: Services, event: Event) -> bool:
    archive = None if services.recordings is None else services.recordings()
    if archive is None:
        return False
    return bool(archive.index.segments(event.camera, event.start.wall_time_s, event.end.wall_time_s + 1e-3, limit=1))
