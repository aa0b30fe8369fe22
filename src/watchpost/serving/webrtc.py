"""One viewer of one camera over WebRTC: H.264 as the camera sends it, nothing encoded, through aiortc.

aiortc's sender takes coded packets where it takes pictures, and wraps them into RTP (RFC 6184) itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from fractions import Fraction
from typing import Final

import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.exceptions import InvalidStateError
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from watchpost.errors import WatchpostError
from watchpost.serving.byte_stream import access_unit
from watchpost.types import Packet

CODEC: Final = "h264"
_CLOCK: Final = 90_000
_CATCH_UP: Final = 90
"""Ticks between pictures that are behind: a millisecond. They are decoded and passed over."""
_TIME_BASE: Final = Fraction(1, _CLOCK)


class BadOfferError(WatchpostError):
    """The browser's offer can not be answered."""


class _PacketTrack(MediaStreamTrack):
    """Gives aiortc a camera's packets, from a key frame on; `more` waits for them, empty at the end."""

    kind = "video"

    def __init__(self, more: Callable[[], Awaitable[list[Packet]]]) -> None:
        super().__init__()
        self._more = more
        self._to_send: deque[tuple[Packet, int]] = deque()
        self._last = 0
        self._shift = 0
        """A camera that was started afresh counts from 0 again."""

    async def recv(self) -> av.Packet:  # type: ignore[type-arg]  # aiortc takes packets as well as frames
        """The next packet, with start codes and the parameter sets that a decoder wants before a key frame."""
        while not self._to_send:
            self._to_send.extend(self._timed(await self._more()))
            if not self._to_send:
                self.stop()
                raise MediaStreamError
        packet, ticks = self._to_send.popleft()
        payload = av.Packet(access_unit(packet))
        payload.pts = payload.dts = ticks
        payload.time_base = _TIME_BASE
        return payload

    def _timed(self, packets: list[Packet]) -> list[tuple[Packet, int]]:
        """Their times, in ticks; those of a group that is shown late are drawn together before the newest."""
        if packets and packets[0].stream.codec != CODEC:
            return []
        found = []
        behind = len(packets) - 1
        newest = _ticks(packets[-1]) if packets else 0
        for number, packet in enumerate(packets):
            ticks = _ticks(packet) if len(packets) <= 2 else newest - (behind - number) * _CATCH_UP
            if ticks + self._shift < self._last - _CLOCK:
                self._shift = self._last + _CATCH_UP - ticks
            self._last = max(self._last + 1, ticks + self._shift)
            found.append((packet, self._last))
        return found


class WebRtcViewer:
    """One peer connection. Belongs to the event loop it was made in."""

    def __init__(self, more: Callable[[], Awaitable[list[Packet]]]) -> None:
        self.ended = asyncio.Event()
        # no server on the Internet is asked where we are: viewers reach this machine, or a proxy in front of it
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._sending = self._peer.addTransceiver(_PacketTrack(more), "sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        self._sending.setCodecPreferences([each for each in codecs if each.name.lower() in (CODEC, "rtx")])
        self._peer.on("connectionstatechange", self._look)

    async def answer(self, offer: str) -> str:
        """The SDP answer to an SDP offer, with all of this machine's candidates. Raises `BadOfferError`."""
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            if self._sending.mid is None:
                raise BadOfferError("the offer asks for no video.")
            answer = await self._peer.createAnswer()
            await self._peer.setLocalDescription(answer)
        except BadOfferError:
            raise
        except (ValueError, KeyError, IndexError, AttributeError, TypeError, AssertionError) as error:
            raise BadOfferError(f"the offer is no SDP that can be answered: {type(error).__name__}.") from None
        except Exception as error:
            if isinstance(error, InvalidStateError) or type(error).__module__.startswith("aiortc"):
                raise BadOfferError(f"the offer can not be answered, it must take H.264 video: {error}") from None
            raise
        return self._peer.localDescription.sdp

    async def close(self) -> None:
        """End it; safe to call twice."""
        self.ended.set()
        await self._peer.close()

    async def _look(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self.ended.set()


def _ticks(packet: Packet) -> int:
    base = packet.stream.time_base
    return (packet.pts or 0) * base.numerator * _CLOCK // base.denominator
