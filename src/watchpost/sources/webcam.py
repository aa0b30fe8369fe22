"""A camera of this machine, through Video4Linux2."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from watchpost import options
from watchpost.clock import Clock
from watchpost.errors import SourceError
from watchpost.options import Seconds
from watchpost.sources._live import Connection, LiveSource

SCHEMES: Final = ("webcam",)


class Options(options.Options):
    """What to ask of the camera; what is left out, its driver chooses."""

    size: Annotated[str, Field(pattern=r"^\d+x\d+$")] | None = None
    """Picture size in pixels, for instance 1280x720."""
    fps: Annotated[float, Field(gt=0)] | None = None
    """Pictures per second."""
    format: str | None = None
    """FFmpeg's name of the camera's format, for instance mjpeg or yuyv422."""
    timeout: Annotated[Seconds, Field(gt=0)] = 10.0
    """A camera that sends nothing for this long is lost."""


def create(address: str, camera: str, options: Options, clock: Clock) -> LiveSource:
    """The camera at `webcam:0`, `webcam:/dev/video0` or `/dev/video0`.

    Raises a permanent `SourceError`, naming the cameras there are, where there is no such device.
    """
    name = address.removeprefix("webcam:").strip("/") or "0"
    device = Path(f"/dev/video{name}" if name.isdecimal() else f"/{name}")
    if not device.exists():
        there = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
        message = f"{address}: there is no camera {device}; this machine has: {there}."
        raise SourceError(message, permanent=True)
    asked = {"video_size": options.size, "framerate": options.fps, "input_format": options.format}
    ffmpeg = {key: str(value) for key, value in asked.items() if value is not None}
    return LiveSource(Connection(str(device), options.timeout, ffmpeg, "video4linux2"), camera, clock)
