"""The dashboard: pages made with NiceGUI, over the same services and the same API that every other program uses.

Each page is one file with one function that takes the request; what all of them share is `frame.py`. The parts that
move (players, the wall, the time line, the zone editor) are custom elements of the browser, in `web/static`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from watchpost.web.services import Services


def mount(app: FastAPI, services: Services, language: str = "en") -> None:
    """Answer with the dashboard what no route of `app` knows; its lifespan must be run by the server.

    `language` is for readers whose browser wishes neither of ours. NiceGUI is loaded here and not before.
    """
    from watchpost.web.dashboard.entrance import Entrance
    from watchpost.web.dashboard.pages import nicegui_app

    pages = nicegui_app()
    app.router.default = Entrance(app, pages, services, language)
    outer = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(running: FastAPI) -> AsyncIterator[Any]:
        async with pages.router.lifespan_context(pages), outer(running) as state:
            yield state

    app.router.lifespan_context = lifespan
