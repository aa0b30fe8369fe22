"""HTTP Live Streaming (RFC 8216) of the cameras, for phones and for players that know nothing else.

A camera's stream is made when somebody asks for its playlist, once for all who watch, and no longer than they ask.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Query
from starlette.responses import Response

from watchpost.web.access import User, Viewer, check_sees
from watchpost.web.hls_stream import HlsStream, NotStreamedError
from watchpost.web.services import Services

_IDLE_S: Final = 15.0
"""A stream that nobody asks for is ended."""
_LOOK_S: Final = 0.5
_PATIENCE_S: Final = 15.0
"""How long an answer waits for what is not there yet."""
_MOST_AHEAD: Final = 2
"""Segments that may be asked for before they are there (RFC 8216bis, section 6.2.5.2)."""
_PLAYLIST: Final = "application/vnd.apple.mpegurl"
_LOG: Final = logging.getLogger(__name__)

Number = Annotated[int | None, Query(ge=0, le=1 << 40)]


def router(services: Services) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/cameras", tags=["live"])
    watched: dict[str, _Watched] = {}

    async def stream_of(user: User, camera: str) -> _Watched:
        check_sees(user, camera)
        if services.hub.sequence(camera) is None:
            raise HTTPException(404, "no such camera")
        found = watched.get(camera)
        if found is None:
            found = watched[camera] = _Watched(camera, services, lambda: watched.pop(camera, None))
        found.asked()
        return found

    @routes.get("/{camera:path}/hls/index.m3u8", summary="The live picture as HLS: what leads to its playlist")
    async def index(user: Viewer, camera: str) -> Response:
        found = await stream_of(user, camera)
        await found.until(lambda stream: bool(stream.codecs))
        return Response(found.stream.main_playlist(), media_type=_PLAYLIST)

    @routes.get("/{camera:path}/hls/live.m3u8", summary="The playlist; with a number it waits for that segment or part")
    async def playlist(
        user: Viewer,
        camera: str,
        number: Annotated[Number, Query(alias="_HLS_msn")] = None,
        part: Annotated[Number, Query(alias="_HLS_part")] = None,
    ) -> Response:
        found = await stream_of(user, camera)
        if number is None:
            if part is not None:
                raise HTTPException(400, "_HLS_part goes with _HLS_msn")
            await found.until(lambda stream: stream.is_playable)
        else:
            if number > found.stream.newest[0] + _MOST_AHEAD:
                raise HTTPException(400, "that segment is too far ahead")
            wanted = (number, part + 1) if part is not None else (number + 1, 0)
            await found.until(lambda stream: stream.newest >= wanted)
        return Response(found.stream.playlist(), media_type=_PLAYLIST)

    @routes.get("/{camera:path}/hls/init-{number}.mp4", summary="The header that a player needs before the segments")
    async def header(user: Viewer, camera: str, number: int) -> Response:
        return _film((await stream_of(user, camera)).stream.init(number))

    @routes.get("/{camera:path}/hls/{number}.{part}.m4s", summary="A part of a segment; waits for the next one")
    async def part_of(user: Viewer, camera: str, number: int, part: int) -> Response:
        found = await stream_of(user, camera)
        if (number, part) == found.stream.newest:
            await found.until(lambda stream: stream.newest > (number, part))
        return _film(found.stream.part(number, part))

    @routes.get("/{camera:path}/hls/{number}.m4s", summary="A segment: some seconds of the stream")
    async def segment(user: Viewer, camera: str, number: int) -> Response:
        return _film((await stream_of(user, camera)).stream.segment(number))

    return routes


def _film(data: bytes | None) -> Response:
    if data is None:
        raise HTTPException(404, "this piece is not there, or not any more")
    return Response(data, media_type="video/mp4")


class _Watched:
    """One camera's stream while somebody asks for it. Belongs to the event loop."""

    def __init__(self, camera: str, services: Services, on_end: Callable[[], object]) -> None:
        # numbers go on rising when the stream is made anew: no segment is shorter than a second on the whole
        self.stream = HlsStream(int(services.clock.wall_time_s()))
        self._camera = camera
        self._services = services
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._step = asyncio.Event()
        """Set, and replaced, whenever there is something new to fetch."""
        self._problem: NotStreamedError | None = None
        self._has_ended = False
        self._asked_s = self._loop.time()
        self._task = asyncio.create_task(self._run())

    def asked(self) -> None:
        """Somebody watches."""
        self._asked_s = self._loop.time()

    async def until(self, is_there: Callable[[HlsStream], bool]) -> None:
        """Wait until the stream has what was asked for. Raises the answer where it does not come."""
        end_s = self._loop.time() + _PATIENCE_S
        while self._problem is None and not is_there(self.stream):
            step = self._step
            left_s = end_s - self._loop.time()
            if left_s <= 0 or self._has_ended or self._services.stop.is_set():
                raise HTTPException(503, "the camera sends nothing at present", {"Retry-After": "5"})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(step.wait(), min(left_s, _LOOK_S))
            self.asked()
        if self._problem is not None:
            raise HTTPException(415, str(self._problem))

    async def _run(self) -> None:
        try:
            with self._services.taps.open(self._camera, self._tell) as tap:
                while not (self._is_idle or tap.ended or self._services.stop.is_set()):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), _LOOK_S)
                    self._news.clear()
                    is_new = False
                    for packet in tap.take():
                        is_new |= self.stream.add(packet)
                    if is_new:
                        self._advance()
        except NotStreamedError as error:
            self._problem = error
        except Exception:  # whoever asks next gets a stream made anew
            _LOG.exception("%s: the HLS stream failed", self._camera)
        finally:
            self._has_ended = True
            self._advance()
            self._on_end()

    @property
    def _is_idle(self) -> bool:
        return self._loop.time() - self._asked_s > _IDLE_S

    def _advance(self) -> None:
        step, self._step = self._step, asyncio.Event()
        step.set()

    def _tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the server has stopped
            self._loop.call_soon_threadsafe(self._news.set)
