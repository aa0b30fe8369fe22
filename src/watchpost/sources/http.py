"""Video over HTTP: HLS (RFC 8216), MJPEG and MPEG-TS streams, and plain files on a web server.

What has a known duration is a film, which is read as fast as its reader takes it and may end; the rest is live.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from watchpost.clock import Clock
from watchpost.options import Seconds
from watchpost.sources._live import Connection, LiveSource, check_host
from watchpost.sources._tls import TlsOptions

SCHEMES: Final = ("http", "https")


class Options(TlsOptions):
    """How to talk to a web server."""

    timeout: Annotated[Seconds, Field(gt=0)] = 20.0
    """A stream that sends nothing for this long is lost; HLS sends in bursts."""
    sound: bool = False
    """Take the sound along. A camera that is recorded with its sound does so by itself."""


def create(address: str, camera: str, options: Options, clock: Clock) -> LiveSource:
    """The stream, playlist or file at an `http://` or `https://` address."""
    check_host(address)
    ffmpeg = options.ffmpeg() if address.lower().startswith("https:") else {}
    return LiveSource(Connection(address, options.timeout, ffmpeg, sound=options.sound, may_end=True), camera, clock)
