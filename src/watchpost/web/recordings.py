"""Recordings over HTTP: what there is, and any stretch of it as an MP4 that a browser can seek in.

Ranges of bytes are those of RFC 9110, section 14. A file is put together while it is read; nothing is copied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final

from fastapi import FastAPI, Header, HTTPException, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from watchpost.errors import WatchpostError
from watchpost.mp4.plain import VirtualFile
from watchpost.recordings.archive import Archive
from watchpost.recordings.clip import Clip, cut, spans
from watchpost.types import Event

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_LONGEST_S: Final = 24 * 3600.0
"""Of one film: its index is made in memory."""
_BEFORE_S: Final = 5.0
_AFTER_S: Final = 10.0

WallTime = Annotated[float, Query(ge=0, le=1e11, allow_inf_nan=False)]
"""Seconds since 1970-01-01 UTC."""


class NothingRecordedError(WatchpostError):
    """There is no recording of what was asked for."""


def add_recordings(
    app: FastAPI, archive: Callable[[], Archive | None], find_event: Callable[[str], Event | None]
) -> None:
    """The routes; `archive` is asked each time, `find_event` knows an event by its id."""

    @app.exception_handler(NothingRecordedError)
    async def nothing(_request: Request, error: Exception) -> Response:
        return JSONResponse({"detail": str(error)}, 404)

    def opened() -> Archive:
        found = archive()
        if found is None:
            raise HTTPException(503, "the recordings can not be used; the server's log says why")
        return found

    @app.get("/api/cameras/{camera:path}/recordings")
    def recordings(camera: str, since: WallTime, until: WallTime) -> dict[str, Any]:
        found = spans(opened(), camera, since, until)
        return {
            "camera": camera,
            "spans": [{"start": each.first_wall_time_s, "end": each.last_wall_time_s} for each in found],
        }

    @app.get("/api/cameras/{camera:path}/recording.mp4")
    def recording(
        camera: str, since: WallTime, until: WallTime, wanted: Annotated[str | None, Header(alias="range")] = None
    ) -> Response:
        return _film(_clip(opened(), camera, since, until), wanted)

    @app.get("/api/events/{event_id}/clip.mp4")
    def event_clip(event_id: str, wanted: Annotated[str | None, Header(alias="range")] = None) -> Response:
        event = find_event(event_id)
        if event is None:
            raise HTTPException(404, "no such event")
        since, until = event.start.wall_time_s - _BEFORE_S, event.end.wall_time_s + _AFTER_S
        return _film(_clip(opened(), event.camera, since, until, event.start.wall_time_s), wanted)


def _clip(archive: Archive, camera: str, since_s: float, until_s: float, moment_s: float | None = None) -> Clip:
    """The film of a span; where the picture's format changed in it, that with `moment_s` in it, or the first."""
    if not 0 < until_s - since_s <= _LONGEST_S:
        raise HTTPException(422, "ask for a span that ends after it begins, of at most a day")
    try:
        clips = cut(archive, camera, since_s, until_s)
    except WatchpostError as error:
        raise NothingRecordedError(str(error)) from None
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
    return StreamingResponse(_body(clip.file, start, stop), status, headers, media_type="video/mp4")


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _body(file: VirtualFile, start: int, stop: int) -> Iterator[bytes]:
    yield from file.read(start, stop)
