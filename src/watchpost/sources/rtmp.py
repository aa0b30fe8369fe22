"""RTMP streams, as encoders and streaming servers publish them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from watchpost.clock import Clock
from watchpost.options import Seconds
from watchpost.sources._live import Connection, LiveSource, check_host
from watchpost.sources._tls import TlsOptions

SCHEMES: Final = ("rtmp", "rtmps")


class Options(TlsOptions):
    """How to talk to an RTMP server."""

    timeout: Annotated[Seconds, Field(gt=0)] = 10.0
    """A stream that sends nothing for this long is lost."""
    sound: bool = False
    """Take the sound along. A camera that is recorded with its sound does so by itself."""


def create(address: str, camera: str, options: Options, clock: Clock) -> LiveSource:
    """The stream at an `rtmp://` or `rtmps://` address."""
    check_host(address)
    ffmpeg = {"rtmp_live": "live"}
    if address.lower().startswith("rtmps:"):
        ffmpeg |= options.ffmpeg()
    return LiveSource(Connection(address, options.timeout, ffmpeg, sound=options.sound), camera, clock)
