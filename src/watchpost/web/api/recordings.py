"""Recordings over HTTP: what there is, and any stretch of it as an MP4 that a browser can seek in.

Ranges of bytes are those of RFC 9110, section 14. A file is put together while it is read; nothing is copied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, HTTPException, Query
from starlette.responses import Response

from watchpost.errors import WatchpostError
from watchpost.mp4.plain import VirtualFile
from watchpost.recordings.archive import Archive
from watchpost.recordings.clip import Clip, cut, spans
from watchpost.telemetry import redacted
from watchpost.web.access import Viewer, check_sees, may_see
from watchpost.web.api.media import Film
from watchpost.web.services import Services

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_LONGEST_S: Final = 24 * 3600.0
"""Of one film: its index is made in memory."""
_BEFORE_S: Final = 5.0
_AFTER_S: Final = 10.0

WallTime = Annotated[float, Query(ge=0, le=1e11, allow_inf_nan=False)]
"""Seconds since 1970-01-01 UTC."""
Range = Annotated[str | None, Header(alias="range")]


def router(services: Services, archive: Callable[[], Archive | None]) -> APIRouter:
    """The routes; `archive` is `recordings` of `Services`."""
    routes = APIRouter(prefix="/api", tags=["recordings"])

    def opened() -> Archive:
        found = archive()
        if found is None:
            raise HTTPException(503, "the recordings can not be used; the server's log says why")
        return found

    @routes.get("/cameras/{camera:path}/recordings", summary="What there is of a camera")
    def recordings(user: Viewer, camera: str, since: WallTime, until: WallTime) -> dict[str, Any]:
        check_sees(user, camera)
        found = spans(opened(), camera, since, until)
        return {
            "camera": camera,
            "spans": [{"start": each.first_wall_time_s, "end": each.last_wall_time_s} for each in found],
        }

    @routes.get("/cameras/{camera:path}/recording.mp4", summary="A stretch of a camera as a film", response_class=Film)
    def recording(user: Viewer, camera: str, since: WallTime, until: WallTime, wanted: Range = None) -> Response:
        check_sees(user, camera)
        return _film(_clip(opened(), camera, since, until), wanted)

    @routes.get("/events/{event_id}/clip.mp4", summary="The film of an event", response_class=Film)
    def event_clip(user: Viewer, event_id: str, wanted: Range = None) -> Response:
        event = services.event(event_id)
        if event is None or not may_see(user, event.camera):
            raise HTTPException(404, "no such event")
        since, until = event.start.wall_time_s - _BEFORE_S, event.end.wall_time_s + _AFTER_S
        return _film(_clip(opened(), event.camera, since, until, event.start.wall_time_s), wanted)

    return routes


def _clip(archive: Archive, camera: str, since_s: float, until_s: float, moment_s: float | None = None) -> Clip:
    """The film of a span; where the picture's format changed in it, that with `moment_s` in it, or the first."""
    if not 0 < until_s - since_s <= _LONGEST_S:
        raise HTTPException(422, "ask for a span that ends after it begins, of at most a day")
    try:
        clips = cut(archive, camera, since_s, until_s)
    except WatchpostError as error:
        raise HTTPException(404, redacted(str(error))) from None
    if moment_s is not None:
        for each in clips:
            if each.first_wall_time_s <= moment_s <= each.last_wall_time_s:
                return each
    return clips[0]


def _film(clip: Clip, wanted: str | None) -> Response:
    """The film, or the range of bytes that was asked for."""
    size = clip.file.size
    headers = {
        "Accept-Ranges": "bytes",
        "X-Watchpost-Start": f"{clip.first_wall_time_s:.3f}",
        "X-Watchpost-Gaps": str(len(clip.gaps)),
    }
    start, stop, status = 0, size, 200
    found = _RANGE.fullmatch(wanted.replace(" ", "")) if wanted is not None else None
    if found is not None and found[0] != "bytes=-":
        start, stop = _bounds(found[1], found[2], size)
        if start >= stop:
            return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["Content-Length"] = str(stop - start)
    return Film(_body(clip.file, start, stop), status, headers)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _body(file: VirtualFile, start: int, stop: int) -> Iterator[bytes]:
    yield from file.read(start, stop)
