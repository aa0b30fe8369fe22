"""Whose clocks a page shows: those of the cameras, which may hang in another time zone than the server stands in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchpost.web.dashboard.frame import View

_LOCAL: Final = Path("/etc/localtime")


class Zones:
    """Time zones by camera; cameras that name none are where the server is."""

    def __init__(self, names: Mapping[str, str | None], server: str) -> None:
        self._names = names
        self._server = server
        known = {name or server for name in names.values()}
        self.name = known.pop() if len(known) == 1 else server
        """Of the page's hours and days: that of the cameras where they share one, else the server's."""

    @property
    def page(self) -> tzinfo:
        """The zone of the page's hours and days."""
        return _zone(self.name)

    def of(self, camera: str) -> tzinfo:
        """The zone in which a camera is."""
        return _zone(self._names.get(camera) or self._server)


def server_zone(local: Path = _LOCAL) -> str:
    """The name of this machine's time zone, as `Asia/Seoul`; where it has none, its present offset, as `+09:00`."""
    target = str(local.resolve())
    for name in (os.environ.get("TZ", "").lstrip(":"), target.rpartition("/zoneinfo/")[2]):
        try:
            if name:
                return ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    offset = f"{datetime.now(UTC).astimezone():%z}"
    return f"{offset[:3]}:{offset[3:5]}"


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return datetime.strptime(name, "%z").tzinfo or UTC


def zones_of(view: View) -> Zones:
    """Of the cameras of the server behind a page."""
    cameras = view.services.configuration().cameras
    return Zones({name: camera.timezone for name, camera in cameras.items()}, server_zone())
