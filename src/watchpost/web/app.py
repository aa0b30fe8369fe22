"""The pages and the API, as an application over `Services`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import PlainTextResponse, Response

from watchpost.errors import WatchpostError
from watchpost.telemetry import redacted
from watchpost.web import dashboard
from watchpost.web.accounts import AccountError
from watchpost.web.answers import refusal
from watchpost.web.api import (
    accounts,
    camera_events,
    cameras,
    events,
    export_events,
    figures,
    hls,
    insights,
    layouts,
    live,
    load,
    notes,
    recordings,
    search,
    settings,
    shapes,
    sources,
    system,
    try_model,
    wake,
    whep,
)
from watchpost.web.auth import Gatekeeper
from watchpost.web.es.app import create_es_app
from watchpost.web.guard import Guard
from watchpost.web.openapi import add_openapi
from watchpost.web.page import add_page
from watchpost.web.passwords import UnfitPasswordError
from watchpost.web.services import Services


def create_app(services: Services, *, token: str | None = None, language: str = "en") -> FastAPI:
    """The application. Without a `token` and without users it answers only requests that name this machine (localhost,
    127.0.0.1).

    `language` is for readers whose browser wishes neither of ours. `services.stop` ends all streams.
    """
    gatekeeper = Gatekeeper(token, services.accounts, services.clock)
    routers = list(_routers(services, gatekeeper))
    app = FastAPI(title="Watchpost", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan(routers))
    app.state.stop = services.stop
    app.state.gatekeeper = gatekeeper
    _answer_errors(app)

    @app.get("/healthz", include_in_schema=False)
    async def health() -> Response:
        return PlainTextResponse("ok")

    for router in routers:
        app.router.routes.extend(router.routes)  # flat, so that whoever walks the routes meets each of them
    add_openapi(app)
    add_page(app, gatekeeper, language)
    app.mount("/es", create_es_app(services.store))
    dashboard.mount(app, services, language)
    app.add_middleware(Guard, gatekeeper=gatekeeper, clock=services.clock)
    return app


def _lifespan(routers: Sequence[APIRouter]) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What all of them do when the server starts and stops."""

    @asynccontextmanager
    async def lifespan(running: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for router in routers:
                await stack.enter_async_context(router.lifespan_context(running))
            yield

    return lifespan


def _routers(services: Services, gatekeeper: Gatekeeper) -> Iterator[APIRouter]:
    """The API's parts that this server has."""
    yield accounts.router(gatekeeper, services.layouts)
    if services.recordings is not None:
        yield recordings.router(services, services.recordings)
    yield camera_events.router(services)
    yield try_model.router(services)
    yield shapes.router(services)
    yield cameras.router(services)
    yield live.router(services)
    yield hls.router(services)
    yield whep.router(services)
    yield events.router(services)
    yield layouts.router(services.layouts)
    yield export_events.router(services)
    if services.notes is not None:
        yield notes.router(services, services.notes)
    yield search.router(services)  # the last of those below events: it takes any name for that of an event
    yield insights.router(services)
    if services.figures is not None:
        yield figures.router(services.figures, services.taps, services.rtsp)
        yield load.router(services.figures)
    if services.wake is not None:
        yield wake.router(services.wake)
    if services.config_file is not None:
        yield settings.router(services.config_file, services.clock)
        yield sources.router(services.config_file, services.clock)
        yield system.router(services)


def _answer_errors(app: FastAPI) -> None:
    """Errors that somebody can act on, as answers; the status says whose turn it is."""
    statuses: dict[type[WatchpostError], int] = {WatchpostError: 503, AccountError: 409, UnfitPasswordError: 422}

    for kind, status in statuses.items():

        async def failed(_request: Request, error: Exception, status: int = status) -> Response:
            return refusal(redacted(str(error)), status)

        app.add_exception_handler(kind, failed)
    app.add_exception_handler(RequestValidationError, _unfit)
    settings.answer_errors(app)


async def _unfit(_request: Request, error: Exception) -> Response:
    """What does not fit, without what was sent: it may be a password."""
    problems = error.errors() if isinstance(error, RequestValidationError) else ()
    return refusal([{name: each[name] for name in ("loc", "msg", "type")} for each in problems], 422)
