"""What is shown instead of a page that is not there."""

from __future__ import annotations

import html

from fastapi import Request
from nicegui import ui

from watchpost.web.dashboard.frame import View, frame


def page(request: Request, path: str) -> None:  # noqa: ARG001 - the path of the route
    """Build the page."""
    with frame(request, "missing") as view:
        tell(view, "missing.page")


def tell(view: View, key: str) -> None:
    """Say within a page that there is no such thing; its answer has the status 404."""
    ui.context.client.status_code = 404
    words = html.escape(view.text(key))
    ui.html(f'<i class="material-icons" aria-hidden="true">search_off</i>{words}', sanitize=False, tag="p").classes(
        "wp-missing"
    )
