"""Where streams go: an address to something that takes packets.

RTMP (`watchpost.rtmp`) and RTSP are ours; MPEG-TS over UDP or RTP, and files are FFmpeg's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from watchpost.errors import TargetError
from watchpost.rtmp.publisher import Address, Publisher, Trust
from watchpost.rtmp.wire import RtmpError
from watchpost.telemetry import redacted
from watchpost.types import Packet

if TYPE_CHECKING:
    from av.container import OutputContainer

    from watchpost.serving.remuxer import Carries, Remuxer

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_RTMP: Final = ("rtmp", "rtmps")
_NETWORK: Final = {"rtsp": "rtsp", "rtsps": "rtsp", "udp": "mpegts", "rtp": "rtp_mpegts", "srt": "mpegts"}
"""FFmpeg's container by the scheme of the address; `rtsp` needs none."""
_FILES: Final = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".ts": "mpegts",
    ".flv": "flv",
}
_FLV_SOUND: Final = frozenset({"aac", "mp3", "pcm_alaw", "pcm_mulaw"})
_SOUND: Final = {
    "flv": _FLV_SOUND,
    "mp4": frozenset({"aac", "mp3", "opus"}),
    "mov": frozenset({"aac", "mp3", "pcm_alaw", "pcm_mulaw"}),
    "mpegts": frozenset({"aac", "mp3", "opus"}),
    "rtp_mpegts": frozenset({"aac", "mp3", "opus"}),
    "matroska": frozenset({"aac", "mp3", "opus"}),
}
_OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    # as an encoder's file it plays up to the last fragment, also if the program is killed
    "mp4": {"movflags": "+hybrid_fragmented+negative_cts_offsets", "flush_packets": "1"},
    "mov": {"movflags": "+hybrid_fragmented+negative_cts_offsets", "flush_packets": "1"},
    "flv": {"flvflags": "no_duration_filesize", "flush_packets": "1"},
    "rtp_mpegts": {},
    "mpegts": {"flush_packets": "1"},
}
_HELD_FOR_SOUND: Final = {"max_interleave_delta": "500000"}
"""Microseconds that FFmpeg holds pictures back for sound that does not come."""


class Target(Protocol):
    """Takes one camera's packets, as the timestamp filter leaves them, from one thread."""

    @property
    def frames(self) -> int:
        """Written."""

    @property
    def bytes(self) -> int:
        """Of pictures and sound, written."""

    @property
    def left_out(self) -> str:
        """The codec of sound that is left out, empty for none."""

    def write(self, packet: Packet) -> None:
        """Add a packet; connects at the first key frame. Raises `TargetError`."""

    def close(self) -> None:
        """Write the end. Raises `TargetError`."""

    def abandon(self) -> None:
        """Let go after a fault."""


@dataclass(frozen=True, slots=True)
class TargetAddress:
    """An address that packets can go to. `parse` makes it."""

    text: str = field(repr=False)
    container: str
    is_live: bool
    """Over the network: what breaks off can be opened anew. Else a file."""
    timeout_s: float = 10.0
    trust: Trust = field(default_factory=Trust)
    """Of the server's certificate, for `rtmps` and `rtsps`."""

    @classmethod
    def parse(cls, text: str, timeout_s: float = 10.0, trust: Trust | None = None) -> TargetAddress:
        """Raises a permanent `TargetError` for what is no such address."""
        found = _SCHEME.match(text)
        if found is None:
            return cls(text, _of_file(Path(text)), is_live=False)
        scheme = found[1].lower()
        if scheme in _RTMP:
            try:
                Address.parse(text)
            except RtmpError as error:
                raise TargetError(str(error), permanent=True) from None
            return cls(text, "flv", is_live=True, timeout_s=timeout_s, trust=trust or Trust())
        if scheme not in _NETWORK:
            known = ", ".join(f"{each}://" for each in (*_RTMP, *_NETWORK))
            suffixes = ", ".join(_FILES)
            message = f"{scheme}:// can not be written to; there are {known} and files ({suffixes})."
            raise TargetError(message, permanent=True)
        _check_host(text, scheme)
        return cls(text, _NETWORK[scheme], is_live=True, timeout_s=timeout_s, trust=trust or Trust())

    @property
    def shown(self) -> str:
        """Without credentials and stream key."""
        if not self.is_live:
            return self.text
        return Address.parse(self.text).shown if self._is_rtmp else redacted(self.text)

    def open(self) -> Target:
        """Something to write to; connects to nothing yet."""
        if self.container == "rtsp":
            from watchpost.serving.rtsp_publisher import RtspPublisher

            return RtspPublisher(self.text, self.shown, self.timeout_s, self.trust)
        from watchpost.serving.remuxer import Carries, Remuxer

        sound = _SOUND[self.container]
        carries = Carries(self.container, _video(self.container), sound)
        if self._is_rtmp:
            return _Pushed(self, carries)
        if self.is_live or self.container not in ("mp4", "mov"):
            return Remuxer(lambda: _opened(self.text, self.container), carries, self.shown)
        return _Film(Path(self.text), self.container, carries)

    @property
    def _is_rtmp(self) -> bool:
        return self.text.lower().startswith(tuple(f"{each}://" for each in _RTMP))


class _Wrapped:
    """A remuxer, and something to do around it."""

    def __init__(self, remuxer: Remuxer) -> None:
        self._remuxer = remuxer

    @property
    def frames(self) -> int:
        return self._remuxer.frames

    @property
    def bytes(self) -> int:
        return self._remuxer.bytes

    @property
    def left_out(self) -> str:
        return self._remuxer.left_out

    def write(self, packet: Packet) -> None:
        self._remuxer.write(packet)


class _Pushed(_Wrapped):
    """A stream that is published to an RTMP server."""

    def __init__(self, address: TargetAddress, carries: Carries) -> None:
        from watchpost.serving.remuxer import Remuxer

        self._address = address
        self._publisher: Publisher | None = None
        super().__init__(Remuxer(self._connect, carries, address.shown))

    def close(self) -> None:
        try:
            self._remuxer.close()
        finally:
            if self._publisher is not None:
                self._publisher.close()

    def abandon(self) -> None:
        if self._publisher is not None:
            self._publisher.abort()
        self._remuxer.abandon()

    def _connect(self) -> OutputContainer:
        address = self._address
        self._publisher = Publisher(Address.parse(address.text), address.timeout_s, address.trust)
        return _opened(self._publisher, "flv")


class _Film(_Wrapped):
    """An MP4 file that has its name only once it is whole; until then it is NAME.part, a fragmented MP4."""

    def __init__(self, path: Path, container: str, carries: Carries) -> None:
        from watchpost.serving.remuxer import Remuxer

        self._path = path
        self._part = path.with_name(path.name + ".part")
        super().__init__(Remuxer(lambda: _opened(str(self._part), container), carries, str(path)))

    def close(self) -> None:
        self._remuxer.close()
        if self._remuxer.frames:
            self._part.replace(self._path)

    def abandon(self) -> None:
        self._remuxer.abandon()


def _opened(file: object, container: str) -> OutputContainer:
    import av

    options = {**_OPTIONS.get(container, {}), **_HELD_FOR_SOUND}
    return av.open(file, "w", format=container, container_options=options)


def _video(container: str) -> frozenset[str]:
    """The codecs that go into a container."""
    own = {"h264", "hevc"}
    return frozenset(own | {"mjpeg"} if container in ("mp4", "mov", "matroska") else own)


def _of_file(path: Path) -> str:
    container = _FILES.get(path.suffix.lower())
    if container is None:
        known = ", ".join(_FILES)
        message = f"{redacted(str(path))}: what kind of file is meant? Give it a name that ends in one of {known}."
        raise TargetError(message, permanent=True)
    if not path.parent.is_dir():
        raise TargetError(f"{path.parent} is no folder; create it, or choose another place.", permanent=True)
    return container


def _check_host(text: str, scheme: str) -> None:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise TargetError(f"{redacted(text)}: names no host; write it as {scheme}://HOST/PATH.", permanent=True)
    if port is None and scheme in ("udp", "rtp", "srt"):
        raise TargetError(f"{redacted(text)}: names no port; write it as {scheme}://HOST:PORT.", permanent=True)
