"""What happened at one camera in a span of time: for the marks on its time line."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query

from watchpost.stores import EventFilter
from watchpost.types import Event
from watchpost.web import streams
from watchpost.web.access import Viewer, check_sees
from watchpost.web.services import Services

_MOST: Final = 500

WallTime = Annotated[float, Query(ge=0, le=1e11, allow_inf_nan=False)]
"""Seconds since 1970-01-01 UTC."""


def router(services: Services) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/api/cameras", tags=["cameras"])

    @routes.get("/{camera:path}/events", summary="A camera's newest events in a span of time, oldest first")
    def events(
        user: Viewer,
        camera: str,
        since: WallTime,
        until: WallTime,
        limit: Annotated[int, Query(ge=1, le=_MOST)] = _MOST,
    ) -> list[dict[str, Any]]:
        check_sees(user, camera)
        if until <= since:
            raise HTTPException(422, "ask for a span that ends after it begins")
        store = services.store()
        found = {event.id: event for event in services.hub.events() if _is_in(event, camera, since, until)}
        if store is not None:
            wish = EventFilter(
                cameras=frozenset({camera}), since_wall_time_s=since, until_wall_time_s=until, limit=limit
            )
            found |= {event.id: event for event in store.search(wish)}
        ordered = sorted(found.values(), key=lambda event: event.start.wall_time_s)
        return [streams.event_json(event, store) for event in ordered[-limit:]]

    return routes


def _is_in(event: Event, camera: str, since: float, until: float) -> bool:
    return event.camera == camera and event.end.wall_time_s >= since and event.start.wall_time_s < until
