"""What somebody publishes here (ANNOUNCE and RECORD): its packets go on to those who read it as they came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from watchpost.mp4 import parameter_sets
from watchpost.serving import payload_h264, payload_h265, rtp
from watchpost.serving.broadcast import Broadcast
from watchpost.serving.burst import Burst
from watchpost.serving.packetiser import Clocked
from watchpost.serving.rtsp_target import Target
from watchpost.serving.sdp import Description, Media, parameter

_GATHERED: Final = 64
"""Packets of one picture that are sent together at most."""
_BEGINS_KEY: Final[dict[str, Callable[[bytes], bool]]] = {
    "H264": payload_h264.begins_key_frame,
    "H265": payload_h265.begins_key_frame,
}


class PublishedBroadcast(Broadcast):
    """A publisher's stream. `take` and `take_report` are given what it sends."""

    def __init__(self, target: Target, description: Description) -> None:
        super().__init__(target)
        self.received = 0
        """Packets of RTP."""
        self.damaged = 0
        """What was sent and is no packet of the stream."""
        self._description = replace(description, name=target.shown)
        self._streams = [_Stream(index, media) for index, media in enumerate(description.media)]
        self._main = next((each for each in self._streams if each.media.kind == "video"), self._streams[0])
        self._look_for_sets()

    @property
    def offered(self) -> Description:
        """What was announced."""
        return self._description

    @property
    def description(self) -> Description | None:
        """What was announced; with the parameter sets, where only the stream tells them."""
        return self._description if self._known.is_set() else None

    async def described(self, timeout_s: float) -> Description | None:
        """The description; without the parameter sets where none come in time."""
        await super().described(timeout_s)
        return self._description

    def clocked(self, track: int) -> Clocked | None:  # noqa: ARG002 - the publisher's own reports are passed on
        """`None`."""
        return None

    def take(self, track: int, data: bytes) -> None:
        """A packet of RTP from the publisher."""
        stream = self._streams[track]
        try:
            packet = rtp.parse_packet(data)
        except rtp.BadPacketError:
            self.damaged += 1
            return
        if packet.payload_type != stream.media.payload_type or len(data) > 0xFFFF:
            self.damaged += 1
            return
        self.received += 1
        if not self._known.is_set() and stream is self._main:
            self._collect_sets(stream, packet)
        for burst in stream.gather(data, packet, is_main=stream is self._main):
            self.send(burst)

    def take_report(self, track: int, data: bytes) -> None:
        """RTCP from the publisher: its sender reports go on, so that who reads knows the wall clock."""
        try:
            is_report = rtp.SENDER_REPORT in rtp.report_types(data)
        except rtp.BadPacketError:
            self.damaged += 1
            return
        if is_report:
            for reader in tuple(self.readers):
                reader.report(track, data)

    def _look_for_sets(self) -> None:
        media = self._main.media
        names = {"H264": "sprop-parameter-sets", "H265": "sprop-sps"}
        name = names.get(media.encoding.upper())
        if name is None or parameter(media, name):
            self._known.set()

    def _collect_sets(self, stream: _Stream, packet: rtp.RtpPacket) -> None:
        sets = stream.sets(packet)
        if sets:
            is_h264 = stream.media.encoding.upper() == "H264"
            written = payload_h264.parameters(sets) if is_h264 else payload_h265.parameters(sets)
            own = [part for part in stream.media.parameters.split(";") if part.strip()]
            known = {part.partition("=")[0].strip().lower() for part in own}
            own += [part for part in written.split(";") if part.partition("=")[0] not in known]
            stream.media = replace(stream.media, parameters=";".join(own))
            streams = tuple(each.media for each in self._streams)
            self._description = replace(self._description, media=streams)
            self._known.set()


class _Stream:
    """One stream of a publisher: packets of a picture are gathered, so that they travel together."""

    def __init__(self, track: int, media: Media) -> None:
        self.track = track
        self.media = media
        encoding = media.encoding.upper()
        self._codec = {"H264": "h264", "H265": "hevc"}.get(encoding, "")
        self._begins_key = _BEGINS_KEY.get(encoding)
        self._depacketiser = payload_h264.Depacketiser() if encoding == "H264" else payload_h265.Depacketiser()
        self._found: dict[int, bytes] = {}
        self._waiting: list[bytes] = []
        self._is_key = False
        self._timestamp: int | None = None
        self._key_timestamp: int | None = None
        self._was_marked = True

    def gather(self, data: bytes, packet: rtp.RtpPacket, *, is_main: bool) -> list[Burst]:
        """What is complete with this packet."""
        if not is_main:
            return [Burst(self.track, (data,))]
        found = []
        if packet.timestamp != self._timestamp and self._waiting:
            found.append(self._taken())
        self._timestamp = packet.timestamp
        if self._begins(packet) and (self._was_marked or packet.timestamp != self._key_timestamp):
            self._is_key, self._key_timestamp = True, packet.timestamp
        self._was_marked = packet.is_marked
        self._waiting.append(data)
        if packet.is_marked or len(self._waiting) >= _GATHERED:
            found.append(self._taken())
        return found

    def sets(self, packet: rtp.RtpPacket) -> tuple[bytes, ...]:
        """The parameter sets of the stream once all of them have come, else nothing."""
        for unit in self._depacketiser.take(packet.sequence, packet.payload):
            kind = parameter_sets.kind_of(unit, self._codec)
            if kind in ((7, 8) if self._codec == "h264" else (32, 33, 34)):
                self._found[kind] = unit
        sets = tuple(self._found[kind] for kind in sorted(self._found))
        return sets if sets and parameter_sets.is_complete(sets, self._codec) else ()

    def _begins(self, packet: rtp.RtpPacket) -> bool:
        """Whether decoding can begin with this; of what is not known here, with every picture."""
        return self._was_marked if self._begins_key is None else self._begins_key(packet.payload)

    def _taken(self) -> Burst:
        burst = Burst(self.track, tuple(self._waiting), is_key=self._is_key)
        self._waiting, self._is_key = [], False
        return burst
