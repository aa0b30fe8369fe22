"""The wall: many cameras at once, and what happens."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from nicegui import ui

from watchpost.web.dashboard.frame import frame, use

_SHORTCUTS: Final = (
    ("1 … 6", "grid"),
    ("n", "next"),
    ("p", "previous"),
    ("f", "full"),
    ("l", "list"),
    ("e", "strip"),
    ("z", "zones"),
    ("Enter", "open"),
    ("Shift ←→", "move"),
)


def page(request: Request) -> None:
    """Build the page."""
    with frame(request, "wall", shortcuts=_SHORTCUTS):
        use("wall.css", "wall.js")
        ui.element("wp-wall")
