"""The events: the last ones, each as it happens, and their snapshots."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Query
from starlette.responses import Response

from watchpost.web import streams
from watchpost.web.access import User, Viewer, may_see
from watchpost.web.api.media import Jpeg, News
from watchpost.web.services import Services


def router(services: Services) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/events", tags=["events"])
    hub = services.hub

    @routes.get("", summary="The last events, oldest first")
    def events(
        user: Viewer,
        after: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = streams.BACKLOG,
    ) -> list[dict[str, Any]]:
        store = services.store()
        found = streams.recent_events(hub, store, user, limit, after)
        return [streams.event_json(event, store) for event in found]

    @routes.get("/stream", summary="Each event as it happens, and the cameras each second", response_class=News)
    async def stream(user: Viewer, last_event_id: Annotated[str | None, Header(max_length=64)] = None) -> Response:
        return News(
            streams.news(hub, services.store(), user, last_event_id, services.stop),
            headers={"X-Accel-Buffering": "no"},
        )

    @routes.get("/{event_id}/snapshot.jpg", summary="The event's picture, without boxes", response_class=Jpeg)
    def snapshot(user: Viewer, event_id: str) -> Response:
        jpeg = _snapshot(services, user, event_id)
        if jpeg is None:
            raise HTTPException(404, "no snapshot of such an event")
        return Jpeg(jpeg, headers={"Cache-Control": "private, max-age=86400"})

    return routes


def _snapshot(services: Services, user: User, event_id: str) -> bytes | None:
    if user.cameras is not None:
        found = services.event(event_id)
        if found is None or not may_see(user, found.camera):
            return None
    event = services.hub.event(event_id)
    if event is not None and event.snapshot is not None:
        return event.snapshot
    store = services.store()
    return None if store is None else store.snapshot(event_id)
