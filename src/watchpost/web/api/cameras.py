"""The cameras: how they are, and their newest picture, still or in motion."""

from __future__ import annotations

from typing import Annotated, Final

from anyio import CapacityLimiter
from fastapi import APIRouter, HTTPException, Query
from starlette.responses import Response

from watchpost.runtime.live import CameraStatus
from watchpost.web import streams
from watchpost.web.access import Viewer, check_sees, may_see
from watchpost.web.api.media import Jpeg, Moving
from watchpost.web.services import Services

_WIDTHS: Final = (320, 480, 640, 960, 1280, 1920)
_DRAWING_THREADS: Final = 2

Width = Annotated[int, Query(ge=1, le=7680)]


def router(services: Services) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/cameras", tags=["cameras"])
    hub = services.hub
    limiter = CapacityLimiter(_DRAWING_THREADS)

    @routes.get("", summary="All cameras and how they are")
    async def cameras(user: Viewer) -> list[CameraStatus]:
        return [status for status in hub.cameras() if may_see(user, status.name)]

    @routes.get("/{camera:path}/live.mjpg", summary="The picture in motion, as JPEGs", response_class=Moving)
    async def live(user: Viewer, camera: str, width: Width = 1280) -> Response:
        check_sees(user, camera)
        if hub.sequence(camera) is None:
            raise HTTPException(404, "no such camera")
        return Moving(
            streams.mjpeg(hub, camera, _drawn_width(width), limiter, services.stop),
            media_type=f"multipart/x-mixed-replace; boundary={streams.BOUNDARY}",
        )

    @routes.get("/{camera:path}/picture.jpg", summary="The newest picture, everything drawn", response_class=Jpeg)
    def picture(user: Viewer, camera: str, width: Width = 640) -> Response:
        check_sees(user, camera)
        found = hub.jpeg(camera, _drawn_width(width))
        if found is None:
            raise HTTPException(404, "no such camera, or no picture of it yet")
        return Jpeg(found[1])

    return routes


def _drawn_width(width: int) -> int:
    """The next of a few widths, so that many viewers share a few drawn pictures."""
    return next((choice for choice in _WIDTHS if choice >= width), _WIDTHS[-1])
