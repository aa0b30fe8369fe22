"""One camera: now and in the past, why it sleeps, its zones, and its model tried."""

from __future__ import annotations

import json
from typing import Final

from fastapi import Request
from nicegui import ui

from watchpost.video.gate_explained import Reason
from watchpost.web.access import may_see
from watchpost.web.dashboard.frame import frame, use
from watchpost.web.dashboard.missing import tell

_SHORTCUTS: Final = (
    ("k", "play"),
    ("j", "back"),
    ("l", "on"),
    (", .", "frame"),
    ("i", "mark_in"),
    ("o", "mark_out"),
    ("End", "live"),
    ("+ -", "zoom"),
    ("z", "zones"),
    ("m", "sound"),
    ("w", "wake"),
    ("f", "full"),
)
_REASONS: Final = {reason.value: reason.name.lower() for reason in Reason}


def page(request: Request, camera: str) -> None:
    """Build the page of a camera that is there and may be seen."""
    with frame(request, "camera", title=camera, shortcuts=_SHORTCUTS) as view:
        known = {status.name for status in view.services.hub.cameras() if may_see(view.user, status.name)}
        if camera not in known:
            tell(view, "missing.camera")
            return
        use("camera.css", "camera.js")
        element = ui.element("wp-camera")
        element.props["camera"] = camera
        element.props["reasons"] = json.dumps(_REASONS)
        element.props["settable"] = "no" if view.services.config_file is None else "yes"
