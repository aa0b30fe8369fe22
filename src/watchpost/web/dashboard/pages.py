"""NiceGUI's own application with the dashboard's pages. There is one in a process, made when it is first asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from nicegui import app as nicegui
from nicegui import ui

from watchpost.web.dashboard import camera, events, insights, missing, wall
from watchpost.web.dashboard.settings import page as settings

PAGES: Final[dict[str, Callable[..., None]]] = {
    "/": wall.page,
    "/cameras/{camera:path}": camera.page,
    "/events": events.page,
    "/insights": insights.page,
    "/settings": settings.page,
    "/{path:path}": missing.page,  # the last: it takes what the others leave
}
"""Path -> the function that builds the page for a request."""
_ICON: Final = Path(__file__).parent.parent / "static" / "icon.svg"
_RECONNECT_S: Final = 10.0
"""How long a page that lost its connection keeps what is open on it."""


@cache
def nicegui_app() -> FastAPI:
    """The application. NiceGUI keeps its state in its module, and may be set up once a process."""
    for path, page in PAGES.items():
        ui.page(path)(page)
    nicegui.config.socket_io_js_transports = ["websocket"]
    holder = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    ui.run_with(
        holder,
        title="Watchpost",
        favicon=_ICON.read_text("utf-8").strip(),  # within the page: nothing to ask for
        dark=None,
        tailwind=False,
        binding_refresh_interval=0.5,
        reconnect_timeout=_RECONNECT_S,
        gzip_middleware_factory=None,
        show_welcome_message=False,
    )
    # run_with's own looks for its server among all objects of the process: while other threads make theirs, Python
    # raises SystemError in one of them
    holder.router.lifespan_context = _lifespan
    return holder


@asynccontextmanager
async def _lifespan(_holder: FastAPI) -> AsyncIterator[None]:
    async with nicegui.router.lifespan_context(nicegui):
        yield
