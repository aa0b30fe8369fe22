"""RTSP cameras (RFC 2326) over TCP or UDP, and RTSP over TLS."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from watchpost.clock import Clock
from watchpost.options import Seconds
from watchpost.sources._live import Connection, LiveSource, check_host
from watchpost.sources._tls import TlsOptions

SCHEMES: Final = ("rtsp", "rtsps")


class Options(TlsOptions):
    """How to talk to an RTSP server."""

    transport: Literal["tcp", "udp"] = "tcp"
    """TCP loses nothing; UDP has less delay and suits cameras that refuse TCP."""
    timeout: Annotated[Seconds, Field(gt=0)] = 10.0
    """A camera that sends nothing for this long is lost."""
    sound: bool = False
    """Take the sound along. A camera that is recorded with its sound does so by itself."""


def create(address: str, camera: str, options: Options, clock: Clock) -> LiveSource:
    """The camera at an `rtsp://` or `rtsps://` address."""
    check_host(address)
    ffmpeg = {
        "rtsp_transport": options.transport,
        "allowed_media_types": "video+audio" if options.sound else "video",
        # The picture size may be known only at the next key frame; the exact frame rate is not worth waiting for.
        "analyzeduration": str(round(options.timeout * 1_000_000)),
        "fpsprobesize": "0",
    }
    if address.lower().startswith("rtsps:"):
        ffmpeg |= options.ffmpeg()
    return LiveSource(Connection(address, options.timeout, ffmpeg, sound=options.sound), camera, clock)
