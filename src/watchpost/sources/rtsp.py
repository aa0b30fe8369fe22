"""RTSP cameras (RFC 2326) over TCP or UDP, and RTSP over TLS."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field

from watchpost.clock import Clock
from watchpost.errors import SourceError
from watchpost.options import Seconds
from watchpost.sources import _rtsp_door
from watchpost.sources._live import Connection, LiveSource, check_host
from watchpost.sources._tls import TlsOptions
from watchpost.types import Packet

_LOG: Final = logging.getLogger(__name__)
SCHEMES: Final = ("rtsp", "rtsps")


class Options(TlsOptions):
    """How to talk to an RTSP server."""

    transport: Literal["tcp", "udp", "auto"] = "tcp"
    """TCP loses nothing; UDP has less delay and suits cameras that refuse TCP; auto tries TCP, then UDP."""
    timeout: Annotated[Seconds, Field(gt=0)] = 10.0
    """A camera that sends nothing for this long is lost."""
    sound: bool = False
    """Take the sound along. A camera that is recorded with its sound does so by itself."""


def create(address: str, camera: str, options: Options, clock: Clock) -> RtspSource:
    """The camera at an `rtsp://` or `rtsps://` address."""
    check_host(address)
    return RtspSource(address, camera, options, clock)


class RtspSource:
    """Yields the packets of one connection, made in the first of the ways that gives a picture."""

    def __init__(self, address: str, camera: str, options: Options, clock: Clock) -> None:
        self._address = address
        self._camera = camera
        self._options = options
        self._clock = clock
        self._closed = threading.Event()
        self._current: LiveSource | None = None

    def packets(self) -> Iterator[Packet]:
        """Connect and yield the packets as they come."""
        transport = self._options.transport
        first: Literal["tcp", "udp"] = "udp" if transport == "udp" else "tcp"
        try:
            yield from self._over(first)
        except _NothingCameError as nothing:
            reason = nothing.reason
        else:
            return
        if reason.permanent and _rtsp_door.is_needed(self._address, self._options.timeout):
            _LOG.debug("%s: the camera asks for a digest by SHA-256", self._camera)
            with _rtsp_door.Door(self._address, self._options.timeout) as door:
                yield from self._alone("tcp", door.address)
        elif transport == "auto" and not reason.permanent and not self._closed.is_set():
            _LOG.info("%s: no picture over TCP; trying UDP. %s", self._camera, reason)
            yield from self._alone("udp", self._address)
        else:
            raise reason

    def close(self) -> None:
        """End `packets` now."""
        self._closed.set()
        if self._current is not None:
            self._current.close()

    def _alone(self, transport: Literal["tcp", "udp"], address: str) -> Iterator[Packet]:
        """One way, whose errors are the source's."""
        try:
            yield from self._over(transport, address)
        except _NothingCameError as nothing:
            raise nothing.reason from None

    def _over(self, transport: Literal["tcp", "udp"], address: str | None = None) -> Iterator[Packet]:
        """Raises `_NothingCameError` in the place of `SourceError` before the first packet."""
        connection = _connection(self._address if address is None else address, self._options, transport)
        source = self._current = LiveSource(connection, self._camera, self._clock, shown=self._address)
        if self._closed.is_set():
            return
        has_begun = False
        try:
            for packet in source.packets():
                has_begun = True
                yield packet
        except SourceError as error:
            if has_begun:
                raise
            raise _NothingCameError(error) from None


class _NothingCameError(Exception):
    """A connection that ended before its first packet."""

    def __init__(self, reason: SourceError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _connection(address: str, options: Options, transport: Literal["tcp", "udp"]) -> Connection:
    ffmpeg = {
        "rtsp_transport": transport,
        "allowed_media_types": "video+audio" if options.sound else "video",
        # The picture size may be known only at the next key frame; the exact frame rate is not worth waiting for.
        "analyzeduration": str(round(options.timeout * 1_000_000)),
        "fpsprobesize": "0",
    }
    if address.lower().startswith("rtsps:"):
        ffmpeg |= options.ffmpeg()
    # FFmpeg would send a space as it is, in the midst of a request's first line
    return Connection(address.replace(" ", "%20"), options.timeout, ffmpeg, sound=options.sound)
