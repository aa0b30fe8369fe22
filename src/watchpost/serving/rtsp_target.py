"""What a request's address means: `rtsp://host:8554/CAMERA`, `/CAMERA/annotated`, `/publish/NAME`, and their parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

View = Literal["live", "annotated", "publish"]
"""The camera's packets as they came; with boxes drawn in; or what somebody publishes here."""

PUBLISH: Final = "publish"
ANNOTATED: Final = "annotated"


@dataclass(frozen=True, slots=True)
class Target:
    """One stream that can be read or published, or a part of it."""

    name: str
    """Of the camera, or of what is published."""
    view: View
    control: str = ""
    """What follows: `trackID=0`, or what a publisher calls its streams."""

    @property
    def shown(self) -> str:
        """As it is written in an address, for the log."""
        return {"live": self.name, "annotated": f"{self.name}/{ANNOTATED}", "publish": f"{PUBLISH}/{self.name}"}[
            self.view
        ]


def parse_target(text: str) -> Target | None:
    """What an `rtsp://` address, or the path of one, means; `None` for what can not mean anything here.

    Trailing slashes and what follows a `?` are passed over, but for a control that some players write behind it.
    """
    try:
        url = urlsplit(text)
        parts = [unquote(part, errors="strict") for part in url.path.split("/") if part]
    except ValueError:  # UnicodeDecodeError is one
        return None
    if url.scheme not in ("rtsp", "rtsps", "rtspu", "") or not parts:
        return None
    query_control = url.query.rstrip("/").rpartition("/")[2] if "/" in url.query else ""
    if parts[0] == PUBLISH and len(parts) > 1:
        name, view, rest = parts[1], "publish", parts[2:]
    elif len(parts) > 1 and parts[1] == ANNOTATED:
        name, view, rest = parts[0], "annotated", parts[2:]
    else:
        name, view, rest = parts[0], "live", parts[1:]
    if not all(part.isprintable() for part in parts):
        return None
    return Target(name, view, "/".join(rest) or query_control)  # type: ignore[arg-type]  # one of the views
