"""What is counted: of one camera, and of all as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from watchpost.runtime.figures import CameraFigures, Figures, with_viewers
from watchpost.runtime.taps import Taps
from watchpost.serving.rtsp_server import RtspFigures
from watchpost.web.access import Operator, Viewer, check_sees, may_see
from watchpost.web.api.media import Metrics


def router(figures: Callable[[], Figures], taps: Taps, rtsp: Callable[[], RtspFigures | None]) -> APIRouter:
    """The routes; `figures`, `taps` and `rtsp` are those of `Services`."""
    routes = APIRouter(tags=["figures"])

    @routes.get("/api/cameras/{camera:path}/explain", summary="All that a camera and its gate have counted")
    def explain(user: Viewer, camera: str) -> CameraFigures:
        check_sees(user, camera)
        counted = with_viewers(figures(), taps.figures())
        found = next((each for each in counted.cameras if each.name == camera), None)
        if found is None:
            raise HTTPException(404, "no such camera, or it does not run")
        return found

    @routes.get("/api/recorded", summary="The cameras that are being recorded at present")
    def recorded(user: Viewer) -> list[str]:
        all_cameras = (each for each in figures().cameras if may_see(user, each.name))
        return [each.name for each in all_cameras if each.recording is not None and each.recording.is_recording]

    @routes.get("/metrics", summary="The counts of all cameras, for Prometheus", response_class=Metrics)
    def metrics(_user: Operator) -> Response:
        from watchpost.web.metrics import exposition  # who does not ask does not pay for the library

        text = exposition(with_viewers(figures(), taps.figures()), rtsp())
        return Metrics(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes
