"""Events to take away, as CSV and as JSON lines: all that were asked for, in memory a page at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from watchpost.stores import EventStore
from watchpost.web.access import User, Viewer
from watchpost.web.event_table import csv_lines
from watchpost.web.marked import MarkedQuestion
from watchpost.web.questions import refusals, search_body
from watchpost.web.services import Services

_PAGE: Final = 500
"""Events in memory at once."""
_TOGETHER: Final = 64
"""Lines that are sent in one piece."""


class Wanted(MarkedQuestion):
    """Which events, and in which order."""

    order: Literal["newest", "oldest"] = "newest"
    limit: Annotated[int, Field(ge=1)] | None = None
    """At most so many; nothing: all."""


class WantedTable(Wanted):
    """The same for a table."""

    bom: bool = False
    """Begin with a byte order mark, by which Excel knows UTF-8."""


def router(services: Services) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/events", tags=["events"])

    @routes.get("/export.csv", summary="Events as a table")
    def as_csv(user: Viewer, wanted: Annotated[WantedTable, Query()]) -> Response:
        with refusals():
            found, zone = _all(services, user, wanted), wanted.time_zone
            return _file(csv_lines(found, zone, has_bom=wanted.bom), "text/csv; charset=utf-8", "events.csv")

    @routes.get("/export.jsonl", summary="Events as JSON, one a line")
    def as_json_lines(user: Viewer, wanted: Annotated[Wanted, Query()]) -> Response:
        with refusals():
            lines = (json.dumps(each, ensure_ascii=False) + "\n" for each in _all(services, user, wanted))
            return _file(lines, "application/x-ndjson", "events.jsonl")

    return routes


def _all(services: Services, user: User, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """The events, page after page. What is wrong with the question is told before the first."""
    store = services.store()
    if store is None:
        raise HTTPException(503, "this server keeps no events")
    clauses = wanted.clauses(user, services.clock.wall_time_s()) + wanted.marked(services)
    body = search_body(clauses, wanted.order)
    first = store.query(body | {"size": min(_PAGE, wanted.limit or _PAGE)})["hits"]["hits"]
    return _pages(services, store, body, first, wanted.limit)


def _pages(
    services: Services, store: EventStore, body: dict[str, Any], hits: list[dict[str, Any]], limit: int | None
) -> Iterator[dict[str, Any]]:
    left = limit
    while hits and not services.stop.is_set():
        for hit in hits:
            yield hit["_source"]
        if left is not None:
            left -= len(hits)
        if left == 0 or len(hits) < _PAGE:
            return
        size = _PAGE if left is None else min(_PAGE, left)
        hits = store.query(body | {"size": size, "search_after": hits[-1]["sort"]})["hits"]["hits"]


def _file(lines: Iterable[str], media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_together(lines), media_type=media_type, headers=headers)


def _together(lines: Iterable[str]) -> Iterator[bytes]:
    """A few lines at once: each piece costs a change of threads."""
    waiting: list[str] = []
    for line in lines:
        waiting.append(line)
        if len(waiting) >= _TOGETHER:
            yield "".join(waiting).encode()
            waiting = []
    if waiting:
        yield "".join(waiting).encode()
