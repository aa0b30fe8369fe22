"""One viewer of one camera over WebRTC, through aiortc: H.264 as the camera sends it, and its sound as Opus.

aiortc's sender takes coded packets where it takes pictures, and wraps them into RTP (RFC 6184) itself. Sound is decoded
here and encoded by aiortc (RFC 7587): browsers take neither AAC nor, all of them, G.711.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from fractions import Fraction
from typing import Final

import av
import av.error
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.exceptions import InvalidStateError
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from watchpost.errors import WatchpostError
from watchpost.mp4.streams import sounds
from watchpost.serving.byte_stream import access_unit
from watchpost.serving.sound_decoder import SoundDecoder
from watchpost.types import AudioPacket, AudioStream, Packet

CODEC: Final = "h264"
_CLOCK: Final = 90_000
_CATCH_UP: Final = 90
"""Ticks between pictures that are behind: a millisecond. They are decoded and passed over."""
_TIME_BASE: Final = Fraction(1, _CLOCK)
_SOUND_RATE: Final = 48_000
_SOUND_SAMPLES: Final = 960
"""Of an Opus packet: 20 ms."""
_MOST_SOUND: Final = 500
"""Pieces that wait, some ten seconds: should nobody take them, the oldest go."""
_SOUND_TIME_BASE: Final = Fraction(1, _SOUND_RATE)


class BadOfferError(WatchpostError):
    """The browser's offer can not be answered."""


class _Feed:
    """A camera's packets, taken by whichever of its tracks runs out first; `more` waits for them, empty at the end."""

    def __init__(self, more: Callable[[], Awaitable[list[Packet]]]) -> None:
        self.has_ended = False
        self.is_heard = False
        self.pictures: deque[list[Packet]] = deque()
        """As they came, several at once where they had waited."""
        self.sound: deque[tuple[AudioStream, float, AudioPacket]] = deque(maxlen=_MOST_SOUND)
        """With what it is of, and its camera time in seconds."""
        self._more = more
        self._lock = asyncio.Lock()

    async def fill(self, wanted: deque[list[Packet]] | deque[tuple[AudioStream, float, AudioPacket]]) -> bool:
        """Wait until there is something in one of the two queues; false when nothing more will come."""
        while not wanted and not self.has_ended:
            async with self._lock:
                if not wanted and not self.has_ended:
                    self._share(await self._more())
        return bool(wanted)

    def _share(self, packets: list[Packet]) -> None:
        self.has_ended = not packets
        if packets:
            self.pictures.append(packets)
        if self.is_heard and packets and (stream := packets[-1].stream.audio) is not None:
            # of pictures that are shown late, all at once, the sound is passed over
            heard = packets if len(packets) <= 2 else packets[-1:]
            self.sound.extend((stream, time_s, each) for packet in heard for time_s, each in sounds(packet))


class _SoundTrack(MediaStreamTrack):
    """Gives aiortc a camera's sound in frames of 20 ms: s16, two channels, 48 kHz."""

    kind = "audio"

    def __init__(self, feed: _Feed) -> None:
        super().__init__()
        self._feed = feed
        self._decoder: SoundDecoder | None = None
        self._to_send: deque[av.AudioFrame] = deque()
        self._last = -_SOUND_SAMPLES
        self._shift = 0
        """A camera that was started afresh counts from 0 again."""

    async def recv(self) -> av.AudioFrame:
        """The next frame."""
        while not self._to_send:
            if not await self._feed.fill(self._feed.sound):
                self.stop()
                raise MediaStreamError
            self._to_send.extend(self._decoded(*self._feed.sound.popleft()))
        frame = self._to_send.popleft()
        pts = frame.pts or 0
        if pts + self._shift < self._last - _SOUND_RATE:
            self._shift = self._last + _SOUND_SAMPLES - pts
        self._last = max(self._last + _SOUND_SAMPLES, pts + self._shift)
        frame.pts, frame.time_base = self._last, _SOUND_TIME_BASE
        return frame

    def _decoded(self, stream: AudioStream, time_s: float, packet: AudioPacket) -> list[av.AudioFrame]:
        try:
            if self._decoder is None or self._decoder.stream is not stream:
                self._decoder = SoundDecoder(stream, "s16", "stereo", _SOUND_RATE, _SOUND_SAMPLES)
        except (av.error.FFmpegError, ValueError):  # nothing that this FFmpeg knows: then there is silence
            return []
        return self._decoder.add(packet, time_s)


class _PacketTrack(MediaStreamTrack):
    """Gives aiortc a camera's pictures, from a key frame on."""

    kind = "video"

    def __init__(self, feed: _Feed) -> None:
        super().__init__()
        self._feed = feed
        self._to_send: deque[tuple[Packet, int]] = deque()
        self._last = 0
        self._shift = 0
        """A camera that was started afresh counts from 0 again."""

    async def recv(self) -> av.Packet:  # type: ignore[type-arg]  # aiortc takes packets as well as frames
        """The next packet, with start codes and the parameter sets that a decoder wants before a key frame."""
        while not self._to_send:
            if await self._feed.fill(self._feed.pictures):
                self._to_send.extend(self._timed(self._feed.pictures.popleft()))
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

    def __init__(self, more: Callable[[], Awaitable[list[Packet]]], *, has_sound: bool = False) -> None:
        """`more` waits for the camera's packets, none at its end; with `has_sound` they carry sound."""
        self.ended = asyncio.Event()
        self._feed = _Feed(more)
        # no server on the Internet is asked where we are: viewers reach this machine, or a proxy in front of it
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._sending = self._peer.addTransceiver(_PacketTrack(self._feed), "sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        self._sending.setCodecPreferences([each for each in codecs if each.name.lower() in (CODEC, "rtx")])
        self._sounding = None
        if has_sound:
            self._sounding = self._peer.addTransceiver(_SoundTrack(self._feed), "sendonly")
            spoken = RTCRtpSender.getCapabilities("audio").codecs
            self._sounding.setCodecPreferences([each for each in spoken if each.name.lower() == "opus"])
        self._peer.on("connectionstatechange", self._look)

    async def answer(self, offer: str) -> str:
        """The SDP answer to an SDP offer, with all of this machine's candidates. Raises `BadOfferError`."""
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            if self._sending.mid is None:
                raise BadOfferError("the offer asks for no video.")
            self._feed.is_heard = self._sounding is not None and self._sounding.mid is not None
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
