"""WHEP, by which a page asks for a camera over WebRTC (draft-ietf-wish-whep): an offer in, an answer out.

H.264 passes through as the camera sends it; its sound comes as Opus where the offer asks for sound. aiortc is an extra,
and loaded when the first viewer comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Header, HTTPException, Request
from starlette.responses import Response

from watchpost import plugins
from watchpost.runtime.taps import Tap
from watchpost.telemetry import redacted
from watchpost.types import Packet
from watchpost.web.access import User, Viewer, check_sees, rights_of
from watchpost.web.guard import LOOK_S as RIGHTS_EVERY_S
from watchpost.web.guard import MAX_OFFER_BYTES
from watchpost.web.services import Services

if TYPE_CHECKING:
    from watchpost.serving.webrtc import WebRtcViewer

_SDP: Final = "application/sdp"
_CODEC: Final = "h264"
_MOST_VIEWERS: Final = 64
_LOOK_S: Final = 0.5
_FIRST_WITHIN_S: Final = 10.0
_ENDED_WITHIN_S: Final = 3.0
"""All viewers, when the server stops."""


@dataclass(slots=True)
class _Session:
    user: User
    viewer: WebRtcViewer
    tap: Tap
    task: asyncio.Task[None] | None = None


def router(services: Services) -> APIRouter:
    """The routes."""
    sessions: dict[str, _Session] = {}

    @contextlib.asynccontextmanager
    async def ended_with_the_server(_app: object) -> AsyncIterator[None]:
        """While the loop still runs: a connection that is cut off by its end may hold it up for ever."""
        yield
        for session in sessions.values():
            session.viewer.ended.set()
        tasks = [session.task for session in sessions.values() if session.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=_ENDED_WITHIN_S)

    routes = APIRouter(tags=["live"], lifespan=ended_with_the_server)

    @routes.post("/api/whep/{camera:path}", status_code=201, summary="The live picture over WebRTC (WHEP)")
    async def offer(
        request: Request, user: Viewer, camera: str, content_type: Annotated[str, Header(max_length=100)] = ""
    ) -> Response:
        check_sees(user, camera)
        if services.hub.sequence(camera) is None:
            raise HTTPException(404, "no such camera")
        if content_type.partition(";")[0].strip().lower() != _SDP:
            raise HTTPException(415, f"send the offer as {_SDP}")
        if len(sessions) >= _MOST_VIEWERS:
            raise HTTPException(503, "there are too many viewers over WebRTC", {"Retry-After": "30"})
        text = await _body(request)
        session, answer = await _opened(services, user, camera, text)
        key = secrets.token_urlsafe(16)
        sessions[key] = session
        watching = _watch(services, session, rights_of(request), lambda: sessions.pop(key, None))
        session.task = asyncio.create_task(watching)
        return Response(answer, 201, {"Location": f"/api/whep/sessions/{key}"}, _SDP)

    @routes.delete("/api/whep/sessions/{key}", status_code=204, summary="End a WebRTC viewer")
    async def end(user: Viewer, key: str) -> Response:
        session = sessions.get(key)
        if session is None or session.user != user:
            raise HTTPException(404, "no such viewer, or it has gone")
        session.viewer.ended.set()
        return Response(status_code=204)

    return routes


async def _opened(services: Services, user: User, camera: str, offer: str) -> tuple[_Session, str]:
    """A viewer, and what it answers."""
    try:
        from watchpost.serving.webrtc import BadOfferError, WebRtcViewer
    except ModuleNotFoundError as error:
        missing = plugins.missing_extra(error)
        if missing is None:
            raise
        raise HTTPException(501, str(missing)) from None
    news = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the server has stopped
            loop.call_soon_threadsafe(news.set)

    tap = services.taps.open(camera, tell)
    viewer = None
    try:
        first = await _first(tap, news)
        viewer = WebRtcViewer(_source(tap, news, first), has_sound=first[0].stream.audio is not None)
        answer = await viewer.answer(offer)
    except BaseException as error:
        tap.close()
        if viewer is not None:
            await viewer.close()
        if isinstance(error, BadOfferError):
            raise HTTPException(400, redacted(str(error))) from None
        raise
    return _Session(user, viewer, tap), answer


async def _first(tap: Tap, news: asyncio.Event) -> list[Packet]:
    """The first packets of the camera: what it sends decides whether there is an answer at all."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(news.wait(), _FIRST_WITHIN_S)
    news.clear()
    packets = tap.take()
    if not packets:
        raise HTTPException(503, "the camera sends nothing at present", {"Retry-After": "5"})
    codec = packets[0].stream.codec
    if codec != _CODEC:
        raise HTTPException(415, f"WebRTC takes H.264 here, and the camera sends {codec}; HLS takes H.265 as well")
    return packets


def _source(tap: Tap, news: asyncio.Event, first: list[Packet]) -> Callable[[], Awaitable[list[Packet]]]:
    """What a viewer gets its packets from; `first` have been taken already."""
    begin = [first]

    async def more() -> list[Packet]:
        while True:
            packets = [*(begin.pop() if begin else ()), *tap.take()]
            if packets or tap.ended:
                return packets
            await news.wait()
            news.clear()

    return more


async def _watch(
    services: Services, session: _Session, may_see: Callable[[], bool], on_end: Callable[[], object]
) -> None:
    """Let the viewer go when it leaves, may not see the camera any more, the camera goes, or the server stops."""
    looked_s = services.clock.monotonic_s()
    try:
        while not (session.viewer.ended.is_set() or session.tap.ended or services.stop.is_set()):
            if (now_s := services.clock.monotonic_s()) >= looked_s + RIGHTS_EVERY_S:
                looked_s = now_s
                if not may_see():
                    break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(session.viewer.ended.wait(), _LOOK_S)
    finally:
        on_end()
        session.tap.close()
        await session.viewer.close()


async def _body(request: Request) -> str:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_OFFER_BYTES:
            raise HTTPException(413, f"an offer holds at most {MAX_OFFER_BYTES} bytes")
    return body.decode("utf-8", "replace")
