"""RTP packets that travel together, made once for all who read them, and the numbering of a stream's packets."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from watchpost.serving import rtp
from watchpost.serving.rtsp_messages import framed
from watchpost.serving.sdp import Media

_COST: Final = 100
"""Bytes of memory that a packet takes besides its own."""


class Burst:
    """The packets of one access unit, or a part of it, of one stream."""

    __slots__ = ("_framed", "datagrams", "is_key", "octets", "size", "track")

    def __init__(self, track: int, datagrams: Sequence[bytes], *, is_key: bool = False) -> None:
        self.track = track
        """Index of the stream in the description."""
        self.datagrams = datagrams
        """Each a packet with its RTP header."""
        self.is_key = is_key
        """Decoding can begin with this."""
        length = sum(map(len, datagrams))
        self.octets = length - rtp.HEADER_BYTES * len(datagrams)
        """Of payload."""
        self.size = length + _COST * len(datagrams)
        """Bytes of memory."""
        self._framed: dict[int, bytes] = {}

    def framed(self, channel: int) -> bytes:
        """All packets as they go over TCP on this channel; the same bytes for all who read on it."""
        found = self._framed.get(channel)
        if found is None:
            found = self._framed[channel] = b"".join([framed(channel, each) for each in self.datagrams])
        return found


class Numbering:
    """Numbers the packets of one stream and tells its time (RFC 3550, section 5.1: all begin at random)."""

    def __init__(self, media: Media) -> None:
        self.ssrc = secrets.randbits(32)
        self._media = media
        self._sequence = secrets.randbits(16)
        self._first = secrets.randbits(32)

    def timestamp(self, ticks: int) -> int:
        """The time stamp of a moment, in ticks of the stream's clock."""
        return (self._first + ticks) & 0xFFFFFFFF

    def packets(self, payloads: Sequence[bytes], ticks: int, *, marks_last: bool = True) -> list[bytes]:
        """The payloads of one moment with their headers."""
        timestamp, last = self.timestamp(ticks), len(payloads) - 1
        payload_type, first, ssrc = self._media.payload_type, self._sequence, self.ssrc
        self._sequence = (first + len(payloads)) & 0xFFFF
        return [
            rtp.write_packet(
                payload_type, first + index, timestamp, ssrc, payload, is_marked=marks_last and index == last
            )
            for index, payload in enumerate(payloads)
        ]

    def leave_gap(self) -> None:
        """Let those who read see that something is missing."""
        self._sequence = (self._sequence + 1) & 0xFFFF


class WallTimes:
    """Which wall time a camera's time means: packets arrive now earlier, now later, so their mean tells."""

    _WEIGHT: Final = 0.05
    _LARGEST_ERROR_S: Final = 1.0

    def __init__(self) -> None:
        self._ahead_s: float | None = None

    def see(self, camera_time_s: float, wall_time_s: float) -> None:
        """Note when a moment of the camera arrived here."""
        ahead_s = wall_time_s - camera_time_s
        if self._ahead_s is None or abs(ahead_s - self._ahead_s) > self._LARGEST_ERROR_S:
            self._ahead_s = ahead_s
        else:
            self._ahead_s += self._WEIGHT * (ahead_s - self._ahead_s)

    def of(self, camera_time_s: float) -> float:
        """The wall time of a moment, in seconds since 1970-01-01 UTC."""
        return camera_time_s + (self._ahead_s or 0.0)
