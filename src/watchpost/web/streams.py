"""What goes on and on: the moving picture and the news. Each ends when the server stops or its reader leaves.

They look for news a few times a second instead of being woken: a viewer then costs publishers nothing, and a slow
viewer, whose connection is full, simply looks less often and misses frames.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from anyio import CapacityLimiter, to_thread

from watchpost.errors import WatchpostError
from watchpost.event_json import event_to_json
from watchpost.runtime.live import LiveHub
from watchpost.stores import EventFilter, EventStore
from watchpost.types import Event
from watchpost.web.access import User, may_see

_LOG: Final = logging.getLogger(__name__)
BOUNDARY: Final = "frame"
BACKLOG: Final = 100
"""Events that a new reader is shown."""

_MAX_FPS: Final = 15.0
_NEWS_EVERY_S: Final = 0.2
_STATUS_EVERY: Final = 5
"""One status for that many looks: once a second."""


async def mjpeg(
    hub: LiveHub, camera: str, width: int, limiter: CapacityLimiter, stop: threading.Event
) -> AsyncIterator[bytes]:
    """The camera's picture as parts of multipart/x-mixed-replace, until the camera is removed.

    Each picture is followed at once by the head of the next part (so that has no length): Chromium shows a picture
    when the next part begins, which at one frame a second would be a second late.
    """
    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
    yield head
    seen = 0
    while not stop.is_set():
        sequence = hub.sequence(camera)
        if sequence is None:
            return
        if sequence != seen:
            picture = await to_thread.run_sync(hub.jpeg, camera, width, limiter=limiter)
            if picture is not None:
                seen, jpeg = picture
                yield jpeg + b"\r\n" + head
        await asyncio.sleep(1 / _MAX_FPS)


async def news(
    hub: LiveHub, store: EventStore | None, user: User, last_id: str | None, stop: threading.Event
) -> AsyncIterator[bytes]:
    """Server-sent events (HTML Standard, section 9.2): `event` for each event, `status` once with all cameras, then
    each second `changes`; what `user` may see alone.

    A reader that comes back with the id of the last event it saw is told only the newer ones.
    """
    for event in await to_thread.run_sync(recent_events, hub, store, user, BACKLOG, last_id):
        last_id = event.id
        yield _message("event", event_json(event, store), event.id)
    looks = 0
    known: dict[str, dict[str, Any]] | None = None
    while not stop.is_set():
        for event in hub.events(last_id):
            last_id = event.id
            if may_see(user, event.camera):
                yield _message("event", event_json(event, store), event.id)
        if looks % _STATUS_EVERY == 0:
            now = {each["name"]: each for each in camera_list(hub, user)}
            yield _message("status", list(now.values())) if known is None else _message("changes", changes(known, now))
            known = now
        looks += 1
        await asyncio.sleep(_NEWS_EVERY_S)


def recent_events(
    hub: LiveHub, store: EventStore | None, user: User, limit: int, after_id: str | None = None
) -> list[Event]:
    """The last `limit` events of hub and store after `after_id` that `user` may see, oldest first."""
    newest = [event for event in hub.events(after_id) if may_see(user, event.camera)]
    if user.cameras == frozenset():
        return []
    if store is None or (after_id is not None and hub.event(after_id) is not None):
        return newest[-limit:]
    known = {event.id for event in newest}
    try:
        found = store.search(EventFilter(limit=limit, cameras=user.cameras or frozenset()))
    except WatchpostError as error:  # what happens now is shown all the same
        _LOG.warning("no earlier events on the page: %s", error)
        found = []
    older = [event for event in reversed(found) if event.id not in known and event.id > (after_id or "")]
    return (older + newest)[-limit:]


def event_json(event: Event, store: EventStore | None) -> dict[str, Any]:
    """An event for a reader; the store may hold the snapshot that a found event does not carry."""
    return event_to_json(event) | {"has_snapshot": event.snapshot is not None or store is not None}


def camera_list(hub: LiveHub, user: User) -> list[dict[str, Any]]:
    """The status of all cameras that `user` may see, as exact as a page shows it."""
    return [_rounded(asdict(status)) for status in hub.cameras() if may_see(user, status.name)]


def changes(before: Mapping[str, dict[str, Any]], now: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What differs between two moments, the cameras by name: of each only its name and the fields that are others."""
    changed = [
        {"name": name} | {key: value for key, value in status.items() if before.get(name, {}).get(key, ...) != value}
        for name, status in now.items()
        if before.get(name) != status
    ]
    return {"changed": changed, "removed": [name for name in before if name not in now]}


def _rounded(status: dict[str, Any]) -> dict[str, Any]:
    delay_s = status["delay_s"]
    return status | {"fps": round(status["fps"], 1), "delay_s": None if delay_s is None else round(delay_s, 1)}


def _message(kind: str, data: object, message_id: str | None = None) -> bytes:
    head = f"id: {message_id}\n" if message_id else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
