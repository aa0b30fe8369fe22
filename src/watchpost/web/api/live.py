"""Live video for browsers: the camera's own H.264 or H.265 as fragmented MP4, and its boxes, over a WebSocket."""

from __future__ import annotations

import threading
from typing import Final

from fastapi import APIRouter, WebSocket

from watchpost.web.access import Viewer, may_see
from watchpost.web.live_session import NO_SUCH_CAMERA, TOO_MANY, LiveSession
from watchpost.web.services import Services

MOST_VIEWERS: Final = 150
"""Of all cameras together: what waits for slow ones stays within 600 MB."""


def router(services: Services) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/api/live", tags=["live"])
    places = threading.BoundedSemaphore(MOST_VIEWERS)

    @routes.websocket("/{camera:path}")
    async def live(socket: WebSocket, user: Viewer, camera: str, sound: bool = False) -> None:
        # accepted first: a browser tells its page nothing of why a WebSocket was refused
        await socket.accept()
        if not may_see(user, camera) or services.hub.status(camera) is None:
            await socket.close(NO_SUCH_CAMERA)
            return
        if not places.acquire(blocking=False):
            await socket.close(TOO_MANY)
            return

        try:
            session = LiveSession(
                socket, camera, services.hub, services.taps, services.boxes, services.stop, with_sound=sound
            )
            await session.run()
        finally:
            places.release()

    return routes
