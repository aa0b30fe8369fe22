"""The pages and the API, as an application over `Services`."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from watchpost.errors import WatchpostError
from watchpost.telemetry import redacted
from watchpost.web import dashboard
from watchpost.web.api import (
    camera_events,
    cameras,
    events,
    export_events,
    figures,
    insights,
    layouts,
    live,
    notes,
    recordings,
    search,
    try_model,
    wake,
)
from watchpost.web.auth import Gatekeeper
from watchpost.web.es.app import create_es_app
from watchpost.web.guard import Guard
from watchpost.web.page import add_page
from watchpost.web.services import Services


def create_app(services: Services, *, token: str | None = None, language: str = "en") -> FastAPI:
    """The application. Without a `token` it answers only requests that name this machine (localhost, 127.0.0.1).

    `language` is for readers whose browser wishes neither of ours. `services.stop` ends all streams.
    """
    app = FastAPI(title="Watchpost", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.stop = services.stop
    gatekeeper = None if token is None else Gatekeeper(token, services.clock)
    app.state.is_guarded = gatekeeper is not None

    @app.exception_handler(WatchpostError)
    async def failed(_request: Request, error: Exception) -> Response:
        return JSONResponse({"detail": redacted(str(error))}, 503)

    @app.get("/healthz", include_in_schema=False)
    async def health() -> Response:
        return PlainTextResponse("ok")

    for router in _routers(services):
        app.router.routes.extend(router.routes)  # flat, so that whoever walks the routes meets each of them
    add_page(app, gatekeeper, language)
    app.mount("/es", create_es_app(services.store))
    dashboard.mount(app, services, language)
    app.add_middleware(Guard, gatekeeper=gatekeeper)
    return app


def _routers(services: Services) -> Iterator[APIRouter]:
    """The API's parts that this server has. Names of cameras hold no slash when they are written as %2F: no part
    takes the routes of another."""
    if services.recordings is not None:
        yield recordings.router(services, services.recordings)
    yield camera_events.router(services)
    yield try_model.router(services)
    yield cameras.router(services)
    yield live.router(services)
    yield events.router(services)
    yield layouts.router(services.layouts)
    yield export_events.router(services)
    if services.notes is not None:
        yield notes.router(services, services.notes)
    yield search.router(services)  # the last of those below events: it takes any name for that of an event
    yield insights.router(services)
    if services.figures is not None:
        yield figures.router(services.figures, services.taps)
    if services.wake is not None:
        yield wake.router(services.wake)
