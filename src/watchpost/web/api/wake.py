"""Waking cameras that sleep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from starlette.responses import Response

from watchpost.web.access import Operator, check_sees


def router(wake: Callable[[str, float], bool | None]) -> APIRouter:
    """The route; `wake` is that of `Services`."""
    routes = APIRouter(prefix="/api/cameras", tags=["cameras"])

    @routes.post("/{camera:path}/wake", status_code=204, summary="Keep a camera awake for a while")
    def wake_camera(user: Operator, camera: str, seconds: Annotated[float, Query(gt=0, le=3600)] = 30.0) -> Response:
        check_sees(user, camera)
        answer = wake(camera, seconds)
        if answer is None:
            raise HTTPException(404, "no such camera, or it does not run")
        if not answer:
            raise HTTPException(409, "this camera never sleeps")
        return Response(status_code=204)

    return routes
