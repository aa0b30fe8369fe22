"""A live test of a camera's address, with a picture: what an admin does before a camera is added."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from watchpost.clock import Clock
from watchpost.config import load
from watchpost.errors import SourceError
from watchpost.runtime.first_picture import Look, first_picture
from watchpost.telemetry import redacted
from watchpost.video.mask import Polygons
from watchpost.web.access import Admin
from watchpost.web.far_edits import HIDDEN, FarEditError, check_address

_WITHIN_S: Final = 10.0


class SourceTest(BaseModel):
    """Which address to try: one that is given, that of a camera of the configuration, or a new one for that camera.

    The picture is black where masks are: those of the camera, or of cameras that have this very address.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    source: Annotated[str, Field(max_length=2000)] | None = None
    """`rtsp://user:password@10.0.0.5/stream1`."""
    options: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    """Of the source, such as `{"transport": "tcp"}`."""
    camera: str | None = None
    """Without `source`, try that camera's own, with its own options."""


class Seen(BaseModel):
    """What an address gave."""

    codec: str
    width: int
    height: int
    """Pixels."""
    fps: float | None
    """Frames a second, where the stream says."""
    has_sound: bool
    picture: str
    """The first picture, at most 1280 pixels wide, as a `data:image/jpeg` address."""


def router(file: Path, clock: Clock) -> APIRouter:
    """The route; `file` is the configuration's."""
    routes = APIRouter(prefix="/api/settings", tags=["settings"])
    one_at_a_time = threading.Lock()

    @routes.post(
        "/test-source",
        summary="Connect to a camera and get its first picture",
        description=(
            "The server itself connects to the address, wherever it leads in its networks: that is why this takes an "
            f"admin. It takes at most {_WITHIN_S:g} s, one test at a time."
        ),
        responses={422: {"description": "The address can not be tried, or gives no picture."}, 429: {}},
    )
    def try_source(_user: Admin, given: SourceTest) -> Seen:
        address, options, masks = _chosen(given, file)
        if not one_at_a_time.acquire(blocking=False):
            raise HTTPException(429, "another address is being tried; wait for that", {"Retry-After": "10"})
        try:
            return _seen(first_picture(address, options, clock, _WITHIN_S, masks))
        except SourceError as error:
            raise HTTPException(422, redacted(str(error))) from None
        finally:
            one_at_a_time.release()

    return routes


def _chosen(given: SourceTest, file: Path) -> tuple[str, Mapping[str, Any], Polygons]:
    """Address, options and masks."""
    if given.source is None and given.camera is None:
        raise HTTPException(422, "name a source or a camera")
    if given.source is not None:
        check_address(given.source)
        if HIDDEN in given.source:
            raise FarEditError("write the user and password in full, or name the camera in place of the source.")
        if "${" in given.source:
            raise FarEditError("variables are put in by the file alone: save the camera, then name it here.")
    cameras = load(file, os.environ).cameras
    if given.camera is not None and given.camera not in cameras:
        raise HTTPException(404, "no such camera")
    if given.camera is not None:
        camera = cameras[given.camera]
        if given.source is None:
            return camera.source, camera.options, camera.mask_arrays()
        return given.source, given.options, camera.mask_arrays()
    assert given.source is not None  # noqa: S101 - for the type checker
    place = _place(given.source)
    alike = [each.mask_arrays() for each in cameras.values() if _place(each.source) == place]
    masks = {f"{number} {name}": points for number, one in enumerate(alike) for name, points in one.items()}
    return given.source, given.options, masks


def _place(address: str) -> str:
    """An address without its user and password."""
    scheme, divider, rest = address.partition("://")
    return scheme.lower() + divider + rest.rpartition("@")[2]


def _seen(look: Look) -> Seen:
    return Seen(
        codec=look.stream.codec,
        width=look.width,
        height=look.height,
        fps=float(look.stream.average_rate) if look.stream.average_rate else None,
        has_sound=look.stream.audio is not None,
        picture="data:image/jpeg;base64," + base64.b64encode(look.jpeg).decode(),
    )
