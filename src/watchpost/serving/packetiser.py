"""A camera's packets as RTP, untouched but for their wrapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from watchpost.mp4 import adts, parameter_sets
from watchpost.mp4.streams import sounds
from watchpost.serving import payload_aac, payload_h264, payload_h265, rtp
from watchpost.serving.burst import Burst, Numbering, WallTimes
from watchpost.serving.sdp import Description, Media
from watchpost.types import AudioPacket, AudioStream, Packet, StreamInfo

VIDEO_CLOCK: Final = 90_000
"""Hz (RFC 6184, section 8.2.1)."""
_VIDEO_TYPE: Final = 96
_AUDIO_TYPE: Final = 97
_ENCODINGS: Final = {"h264": "H264", "hevc": "H265"}
_G711: Final = {"pcm_mulaw": ("PCMU", 0), "pcm_alaw": ("PCMA", 8)}
"""Encoding and, for 8 kHz and one channel, payload type (RFC 3551, table 4)."""
_KEY_KINDS: Final = {"h264": (7, 8), "hevc": (32, 33, 34)}
_PAYLOADS: Final[dict[str, Callable[[Sequence[bytes | memoryview], int], Iterator[bytes]]]] = {
    "h264": payload_h264.payloads,
    "hevc": payload_h265.payloads,
}


class UnsupportedStreamError(Exception):
    """What the camera sends has no form in RTP here; the message names it."""


@dataclass(frozen=True, slots=True)
class Clocked:
    """A stream's time stamp and the wall time that it means."""

    ssrc: int
    timestamp: int
    wall_time_s: float


class Packetiser:
    """Makes bursts of one camera's packets, in decoding order from a key frame on; timestamps mended.

    `first` are the packets that are there already, from which the description is made. Raises `UnsupportedStreamError`.
    """

    def __init__(self, name: str, first: Sequence[Packet]) -> None:
        stream = first[0].stream
        if stream.codec not in _ENCODINGS:
            raise UnsupportedStreamError(f"{stream.codec} video")
        self._stream = stream
        self._codec = stream.codec
        self._units = units_of(stream)
        self._sets = _sets_of(stream) or _sets_in(self._units(_data(first[0])), self._codec)
        self._tells_sets = False
        """The description does not hold any more: key frames without their sets get them."""
        self._sound = _sound(stream.audio, first)
        media = [self._video()]
        if self._sound is not None:
            media.append(self._sound)
        self.description = Description(name, tuple(media))
        self._numberings = [Numbering(each) for each in media]
        self._walls = WallTimes()
        self._last_s = [0.0] * len(media)

    def fits(self, packet: Packet) -> bool:
        """Whether the description still holds for this packet; else who reads must ask anew."""
        stream = packet.stream
        if stream is self._stream:
            return True
        if stream.codec != self._codec:
            return False
        return self._sound is None or (stream.audio is not None and _describes(stream.audio, self._sound))

    def bursts(self, packet: Packet) -> list[Burst]:
        """The packet and the sound that came with it, which was first."""
        if packet.stream is not self._stream:
            self._change(packet.stream)
        camera_time_s = packet.camera_time_s or 0.0
        self._note_times(packet, camera_time_s)
        found = self._sounds(packet)
        own = self._units(_data(packet))
        units = self._with_sets(own) if packet.is_key else own
        payloads = list(_PAYLOADS[self._codec](units, rtp.MOST_PAYLOAD_BYTES))
        if payloads:
            base = packet.stream.time_base
            ticks = (packet.pts or 0) * base.numerator * VIDEO_CLOCK // base.denominator
            found.append(Burst(0, self._numberings[0].packets(payloads, ticks), is_key=packet.is_key))
            self._last_s[0] = ticks / VIDEO_CLOCK
        return found

    def leave_gap(self) -> None:
        """Packets are missing from here: let those who read see it."""
        for each in self._numberings:
            each.leave_gap()

    def clocked(self, track: int) -> Clocked:
        """Where a stream is now, for its sender report."""
        numbering, media = self._numberings[track], self.description.media[track]
        ticks = round(self._last_s[track] * media.clock_rate)
        return Clocked(numbering.ssrc, numbering.timestamp(ticks), self._walls.of(self._last_s[track]))

    def _note_times(self, packet: Packet, camera_time_s: float) -> None:
        dts = packet.pts if packet.dts is None else packet.dts
        base = packet.stream.time_base
        self._walls.see(camera_time_s if dts is None else float(dts * base), packet.wall_time_s)

    def _sounds(self, packet: Packet) -> list[Burst]:
        if (media := self._sound) is None:
            return []
        return [burst for time_s, each in sounds(packet) for burst in self._heard(each, media, time_s)]

    def _heard(self, packet: AudioPacket, media: Media, time_s: float) -> list[Burst]:
        data, ticks = bytes(packet.payload), round(time_s * media.clock_rate)  # type: ignore[call-overload]  # FFmpeg's
        self._last_s[1] = time_s
        numbering = self._numberings[1]
        if media.encoding == "MPEG4-GENERIC":
            payloads = list(payload_aac.payloads(adts.without_header(data), rtp.MOST_PAYLOAD_BYTES))
            return [Burst(1, numbering.packets(payloads, ticks))] if payloads else []
        frame = media.channels or 1  # G.711: a byte a sample and channel
        room = rtp.MOST_PAYLOAD_BYTES // frame * frame
        return [
            Burst(1, numbering.packets([data[at : at + room]], ticks + at // frame, marks_last=False))
            for at in range(0, len(data), room)
        ]

    def _with_sets(self, units: list[memoryview]) -> Sequence[bytes | memoryview]:
        own = _sets_in(units, self._codec)
        if own:
            self._tells_sets |= own != self._sets
            self._sets = own
            return units
        return [*self._sets, *units] if self._tells_sets else units

    def _change(self, stream: StreamInfo) -> None:
        sets = _sets_of(stream)
        if sets and sets != self._sets:
            self._sets, self._tells_sets = sets, True
        self._stream, self._units = stream, units_of(stream)

    def _video(self) -> Media:
        write = payload_h264.parameters if self._codec == "h264" else payload_h265.parameters
        return Media("video", _VIDEO_TYPE, _ENCODINGS[self._codec], VIDEO_CLOCK, parameters=write(self._sets))


def units_of(stream: StreamInfo) -> Callable[[bytes], list[memoryview]]:
    """What takes apart a stream's packets: by start codes, or by lengths as in MP4."""
    if parameter_sets.is_byte_stream(stream.extradata):
        return parameter_sets.units
    config = stream.extradata or b""
    at = 4 if stream.codec == "h264" else 21
    length = (config[at] & 3) + 1 if len(config) > at else 4
    return lambda data: parameter_sets.units_by_length(data, length)


def _data(packet: Packet) -> bytes:
    payload: Any = packet.payload
    return bytes(payload)


def _sets_of(stream: StreamInfo) -> tuple[bytes, ...]:
    """The parameter sets that come apart from the packets."""
    extradata = stream.extradata or b""
    if parameter_sets.is_byte_stream(extradata):
        return parameter_sets.parameter_sets(extradata, stream.codec)
    return parameter_sets.sets_in_record(extradata, stream.codec)


def _sets_in(units: Sequence[bytes | memoryview], codec: str) -> tuple[bytes, ...]:
    kinds = _KEY_KINDS[codec]
    found = [bytes(unit) for unit in units if parameter_sets.kind_of(unit, codec) in kinds]
    return tuple(dict.fromkeys(found))


def _sound(stream: AudioStream | None, packets: Sequence[Packet]) -> Media | None:
    """How a camera's sound is described; `None` where there is none, or none that has a form here."""
    if stream is None or stream.sample_rate <= 0 or stream.channels <= 0:
        return None
    if stream.codec in _G711:
        encoding, payload_type = _G711[stream.codec]
        if (stream.sample_rate, stream.channels) != (8000, 1):
            payload_type = _AUDIO_TYPE
        return Media("audio", payload_type, encoding, stream.sample_rate, stream.channels)
    if stream.codec != "aac":
        return None
    config = stream.extradata or b""
    if not config:
        sounds = (adts.config(bytes(each.payload)) for packet in packets for each in packet.audio)  # type: ignore[call-overload]
        config = next((each for each in sounds if each), b"")
    if not config:
        return None
    parameters = payload_aac.parameters(config)
    return Media("audio", _AUDIO_TYPE, "MPEG4-GENERIC", stream.sample_rate, stream.channels, parameters)


def _describes(stream: AudioStream, media: Media) -> bool:
    described = _sound(stream, ())
    return described == media or (not stream.extradata and stream.codec == "aac")
