"""The live page and its small API, as an application over a `LiveHub`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from anyio import CapacityLimiter
from fastapi import FastAPI, Header, HTTPException, Query, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles

from watchpost.clock import Clock, SystemClock
from watchpost.errors import WatchpostError
from watchpost.event_json import event_from_json
from watchpost.recordings.archive import Archive
from watchpost.runtime.figures import CameraFigures, Figures
from watchpost.runtime.live import LiveHub
from watchpost.stores import EventStore
from watchpost.telemetry import redacted
from watchpost.types import Event
from watchpost.web import streams
from watchpost.web.auth import SESSION_S, Gatekeeper, TooManyAttemptsError
from watchpost.web.es.app import create_es_app
from watchpost.web.guard import (
    MAX_BODY_BYTES,
    SESSION_COOKIE,
    Guard,
    client_address,
    session_key,
    too_many_attempts,
)
from watchpost.web.recordings import add_recordings
from watchpost.web.texts import LANGUAGES, LOCALES, choose_language, render_page

STATIC: Final = Path(__file__).parent / "static"
LANGUAGE_COOKIE: Final = "watchpost_language"
_LANGUAGE_S: Final = 365 * 86_400
_WIDTHS: Final = (320, 480, 640, 960, 1280, 1920)
_DRAWING_THREADS: Final = 2

Width = Annotated[int, Query(ge=1, le=7680)]


def create_app(
    hub: LiveHub,
    *,
    token: str | None = None,
    language: str = "en",
    store: Callable[[], EventStore | None] = lambda: None,
    figures: Callable[[], Figures] | None = None,
    wake: Callable[[str, float], bool | None] | None = None,
    recordings: Callable[[], Archive | None] | None = None,
    clock: Clock | None = None,
) -> FastAPI:
    """The application. Without a `token` it answers only requests that name this machine (localhost, 127.0.0.1).

    `language` is for readers whose browser wishes neither of ours; `store` gives the store that adds
    the events and snapshots of before; it is asked each time, as a server may change it.
    With `figures` there are metrics, and explanations of what the cameras' gates do. `wake` keeps a camera awake for so
    many seconds: `None` means that it does not run, false that it never sleeps.
    `recordings` gives the archive of what cameras sent.
    Setting `app.state.stop` ends all streams.
    """
    app = FastAPI(title="Watchpost", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.stop = threading.Event()
    gatekeeper = None if token is None else Gatekeeper(token, clock or SystemClock())
    app.state.is_guarded = gatekeeper is not None
    _add_pages(app, gatekeeper, language)
    if recordings is not None:
        add_recordings(app, recordings, lambda event_id: hub.event(event_id) or _kept(store(), event_id))
    _add_cameras(app, hub)
    _add_events(app, hub, store)
    app.mount("/es", create_es_app(store))
    if figures is not None:
        _add_figures(app, figures)
    if wake is not None:
        _add_wake(app, wake)
    app.add_middleware(Guard, gatekeeper=gatekeeper)
    return app


def _add_pages(app: FastAPI, gatekeeper: Gatekeeper | None, default_language: str) -> None:
    def page(request: Request, name: str, status: int = 200, **values: str) -> Response:
        wish = request.headers.get("accept-language", "")
        language = choose_language(request.cookies.get(LANGUAGE_COOKIE), wish, default_language)
        values["login"] = "on" if gatekeeper else "off"
        return HTMLResponse(render_page(name, language, **values), status, {"Content-Language": language})

    app.mount("/static", StaticFiles(directory=STATIC))
    app.mount("/locales", StaticFiles(directory=LOCALES))

    @app.get("/")
    async def index(request: Request) -> Response:
        return page(request, "index")

    @app.get("/language/{language}")
    async def choose(language: str) -> Response:
        if language not in LANGUAGES:
            raise HTTPException(404, "no such language")
        response = RedirectResponse("/", 303)
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_LANGUAGE_S, httponly=True, samesite="lax")
        return response

    if gatekeeper is None:
        return

    @app.get("/login")
    async def login_form(request: Request) -> Response:
        return page(request, "login", failed="no")

    @app.post("/login")
    async def login(request: Request) -> Response:
        form = parse_qs((await _small_body(request)).decode("utf-8", "replace"), max_num_fields=8)
        given = form.get("token", [""])[0].strip()
        try:
            if not gatekeeper.accepts_token(given, client_address(request)):
                return page(request, "login", 401, failed="yes")
        except TooManyAttemptsError as error:
            refusal = page(request, "login", 429, failed="often")
            refusal.headers["Retry-After"] = too_many_attempts(error).headers["Retry-After"]
            return refusal
        response = RedirectResponse("/", 303)
        response.set_cookie(
            SESSION_COOKIE,
            gatekeeper.open_session(),
            max_age=int(SESSION_S),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    @app.post("/logout")
    async def logout(request: Request) -> Response:
        gatekeeper.close_session(session_key(request.headers))
        response = RedirectResponse("/login", 303)
        response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
        return response


def _add_cameras(app: FastAPI, hub: LiveHub) -> None:
    limiter = CapacityLimiter(_DRAWING_THREADS)

    @app.get("/api/cameras")
    async def cameras() -> list[dict[str, Any]]:
        return streams.camera_list(hub)

    @app.get("/api/cameras/{camera:path}/live.mjpg")
    async def live(camera: str, width: Width = 1280) -> Response:
        if hub.sequence(camera) is None:
            raise HTTPException(404, "no such camera")
        return StreamingResponse(
            streams.mjpeg(hub, camera, _drawn_width(width), limiter, app.state.stop),
            media_type=f"multipart/x-mixed-replace; boundary={streams.BOUNDARY}",
        )

    @app.get("/api/cameras/{camera:path}/picture.jpg")
    def picture(camera: str, width: Width = 640) -> Response:
        found = hub.jpeg(camera, _drawn_width(width))
        if found is None:
            raise HTTPException(404, "no such camera, or no picture of it yet")
        return Response(found[1], media_type="image/jpeg")


def _add_wake(app: FastAPI, wake: Callable[[str, float], bool | None]) -> None:
    @app.post("/api/cameras/{camera:path}/wake")
    def wake_camera(request: Request, camera: str, seconds: Annotated[float, Query(gt=0, le=3600)] = 30.0) -> Response:
        # without a token there is no session whose cookie other sites could not send
        if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise HTTPException(403, "ask from the page itself")
        answer = wake(camera, seconds)
        if answer is None:
            raise HTTPException(404, "no such camera, or it does not run")
        if not answer:
            raise HTTPException(409, "this camera never sleeps")
        return Response(status_code=204)


def _add_figures(app: FastAPI, figures: Callable[[], Figures]) -> None:
    @app.get("/api/cameras/{camera:path}/explain")
    def explain(camera: str) -> CameraFigures:
        found = next((each for each in figures().cameras if each.name == camera), None)
        if found is None:
            raise HTTPException(404, "no such camera, or it does not run")
        return found

    @app.get("/metrics")
    def metrics() -> Response:
        from watchpost.web.metrics import exposition  # who does not ask does not pay for the library

        return Response(exposition(figures()), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_events(app: FastAPI, hub: LiveHub, find_store: Callable[[], EventStore | None]) -> None:
    @app.exception_handler(WatchpostError)
    async def store_failed(_request: Request, error: Exception) -> Response:
        return JSONResponse({"detail": redacted(str(error))}, 503)

    @app.get("/api/events")
    def events(
        after: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = streams.BACKLOG,
    ) -> list[dict[str, Any]]:
        store = find_store()
        found = streams.recent_events(hub, store, limit, after)
        return [streams.event_json(event, store) for event in found]

    @app.get("/api/events/stream")
    async def stream(last_event_id: Annotated[str | None, Header(max_length=64)] = None) -> Response:
        return StreamingResponse(
            streams.news(hub, find_store(), last_event_id, app.state.stop),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    @app.get("/api/events/{event_id}/snapshot.jpg")
    def snapshot(event_id: str) -> Response:
        event = hub.event(event_id)
        jpeg = event.snapshot if event else None
        if jpeg is None and (store := find_store()) is not None:
            jpeg = store.snapshot(event_id)
        if jpeg is None:
            return JSONResponse({"detail": "no snapshot of such an event"}, 404)
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400"})


def _kept(store: EventStore | None, event_id: str) -> Event | None:
    if store is None:
        return None
    hits = store.query({"query": {"ids": {"values": [event_id]}}, "size": 1})["hits"]["hits"]
    return event_from_json(hits[0]["_source"]) if hits else None


def _drawn_width(width: int) -> int:
    """The next of a few widths, so that many viewers share a few drawn pictures."""
    return next((choice for choice in _WIDTHS if choice >= width), _WIDTHS[-1])


async def _small_body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"a request holds at most {MAX_BODY_BYTES} bytes")
    return body
