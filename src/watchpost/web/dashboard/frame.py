"""What every page has around it: top bar, navigation, help, theme and language.

def page(request: Request) -> None:
    with frame(request, "wall") as view:
        ui.label(view.text("wall.events"))
"""

from __future__ import annotations

import copy
import html
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote

from fastapi import Request
from nicegui import ui

from watchpost.web.dashboard.bars import Shortcut, dialogs, navigation, skip_link, top_bar
from watchpost.web.dashboard.view import NAVIGATION, Entry, View, view_of
from watchpost.web.guard import SESSION_COOKIE

__all__ = ["NAVIGATION", "Entry", "Shortcut", "View", "camera_path", "frame", "use", "view_of"]

_QUASAR: Final = {"en": "en-US", "ko": "ko-KR"}
"""Our language -> that of NiceGUI's own words."""
_HEAD: Final = """
<meta name="theme-color" content="#0c1014">
<meta name="watchpost-reader" content="{reader}">
<script src="/static/theme.js"></script>
<link rel="stylesheet" href="/static/theme.css">
<link rel="stylesheet" href="/static/dashboard.css">
<script type="module" src="/static/frame.js"></script>
"""


@contextmanager
def frame(
    request: Request, name: str, *, title: str | None = None, shortcuts: tuple[Shortcut, ...] = ()
) -> Iterator[View]:
    """The page's surroundings; what is made inside is the page.

    `name` is the navigation's entry that is current, and the class `wp-page-NAME` of the page; `title` is the page's
    name where it is not that entry's. `shortcuts` are the page's own keys, for the help.
    """
    view = view_of(request)
    client = ui.context.client
    client.page = copy.copy(client.page)  # one is shared by all readers, and each has a language and theme
    client.page.language = _QUASAR[view.language]  # type: ignore[assignment]
    client.page.dark = {"dark": True, "light": False, "auto": None}[view.theme]
    title = title or view.text(f"nav.{name}")
    ui.page_title(f"{title} · Watchpost")
    reader = {"user": view.user.name, "role": view.user.role}
    ui.add_head_html(_HEAD.format(reader=html.escape(json.dumps(reader))))
    client.content.classes("wp-content")
    ui.html(skip_link(view), sanitize=False).classes("wp-skip-holder")
    top = top_bar(view, title, request.url.path, is_logged_in=SESSION_COOKIE in request.cookies)
    ui.html(top, sanitize=False, tag="header").classes("wp-top")
    side = ui.html(navigation(view, name), sanitize=False, tag="nav").classes("wp-side")
    side.props["id"], side.props["aria-label"] = "wp-side", view.text("nav.label")
    ui.html(dialogs(view, shortcuts), sanitize=False).classes("wp-help-holder")
    main = ui.element("main").classes(f"wp-main wp-page-{name}")
    main.props["id"], main.props["tabindex"] = "main", "-1"
    with main:
        yield view


def use(*files: str) -> None:
    """Style sheets and script modules of `web/static` that this page alone needs."""
    for file in files:
        is_style = file.endswith(".css")
        ui.add_head_html(
            f'<link rel="stylesheet" href="/static/{file}">'
            if is_style
            else f'<script type="module" src="/static/{file}"></script>'
        )


def camera_path(camera: str) -> str:
    """The address of a camera's page."""
    return f"/cameras/{quote(camera, safe='')}"
