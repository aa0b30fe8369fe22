"""What one client asks for, from DESCRIBE or ANNOUNCE to TEARDOWN (RFC 2326, section 10 and appendix A)."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from watchpost.serving import rtp, sdp
from watchpost.serving.broadcast import Broadcast
from watchpost.serving.published import PublishedBroadcast
from watchpost.serving.readers import PacketReader, TcpReader, UdpReader
from watchpost.serving.rtsp_messages import Request
from watchpost.serving.rtsp_target import Target
from watchpost.serving.rtsp_transport import Transport, answer, choose
from watchpost.serving.switchboard import NotAllowedError, Switchboard
from watchpost.serving.udp_ports import UdpPorts

_LOG: Final = logging.getLogger(__name__)
TIMEOUT_S: Final = 60
"""A session of which nothing is heard for this long ends (section 12.37)."""
_DESCRIBE_WITHIN_S: Final = 10.0
"""How long a client waits for a camera's first key frame."""
_READING: Final = ("DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER")
METHODS: Final = ("OPTIONS", *_READING, "ANNOUNCE", "RECORD")
_TRACK: Final = "trackID="


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered, and what is done when that is on its way."""

    status: int
    headers: Mapping[str, str | list[str]] = field(default_factory=dict)
    body: bytes = b""
    then: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a session needs of the server and its connection."""

    switchboard: Switchboard
    transport: asyncio.Transport
    peer: str
    """The client's address."""
    own: str
    """Ours, as the client sees it."""
    udp: UdpPorts | None
    end_connection: Callable[[], None]


class RtspSession:
    """One client's session; a connection has one at a time. For the thread of the server's loop."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.id: str | None = None
        self.state: Literal["init", "ready", "playing", "recording"] = "init"
        self.reader: PacketReader | None = None
        self.last_heard: Callable[[], None] = lambda: None
        """Called when the client shows over UDP that it lives."""
        self._base = ""
        self._broadcast: Broadcast | None = None
        self._announced: PublishedBroadcast | None = None
        self._transports: dict[int, Transport] = {}
        self._tracks_by_channel: dict[int, tuple[int, bool]] = {}
        """Track, and whether the channel is for reports."""

    @property
    def broadcast(self) -> Broadcast | None:
        """What it reads or publishes, once it is set up."""
        return self._broadcast

    @property
    def is_over_tcp(self) -> bool:
        """Whether packets travel on the connection."""
        return any(each.is_tcp for each in self._transports.values())

    async def answer(self, request: Request, target: Target | None) -> Answer:
        """Do what is asked. `target` is what the request's address means, `None` for `*`."""
        if request.method not in METHODS:
            return Answer(501, {"Public": ", ".join(METHODS)})
        if "require" in request.headers:
            return Answer(551, {"Unsupported": _one_line(request.headers["require"])})
        named = request.headers.get("session")
        if named is not None and named.partition(";")[0].strip() != self.id:
            return Answer(454)
        if request.method == "OPTIONS":
            return Answer(200, {"Public": ", ".join(METHODS), **self._session_header()})
        if request.method in ("GET_PARAMETER", "SET_PARAMETER"):
            return Answer(451 if request.body.strip() else 200, self._session_header())
        if target is None:
            return Answer(400)
        if request.method == "DESCRIBE":
            return await self._describe(request, target)
        if request.method == "ANNOUNCE":
            return self._announce(request, target)
        if request.method == "SETUP":
            return await self._setup(request, target)
        if self.id is None or named is None:
            return Answer(454)
        act = {"PLAY": self._play, "PAUSE": self._pause, "RECORD": self._record, "TEARDOWN": self._teardown}
        return act[request.method]()

    def interleaved(self, channel: int, data: bytes) -> bool:
        """Take what came between the messages; whether it belongs to the session."""
        found = self._tracks_by_channel.get(channel)
        if found is None:
            return False
        track, is_report = found
        if isinstance(self._broadcast, PublishedBroadcast) and self.state == "recording":
            (self._broadcast.take_report if is_report else self._broadcast.take)(track, data)
            return True
        return is_report

    def report_clocks(self) -> None:
        """Send a sender report for each stream that is read."""
        if self.reader is None or self._broadcast is None:
            return
        for track in self.reader.tracks:
            clocked = self._broadcast.clocked(track)
            if clocked is not None and self.reader.sent[track].packets:
                self.reader.report_clock(track, clocked)

    def close(self) -> None:
        """End the session; a publisher's stream ends with it. Safe to call twice."""
        self._stop_reading()
        if self._broadcast is not None:
            self._broadcast.holders -= 1
            if self.state == "recording":
                self._broadcast.end()
        if self._around.udp is not None:
            for transport in self._transports.values():
                for port in (transport.first, transport.second):
                    self._around.udp.handlers.pop((self._around.peer, port or 0), None)
        self.id, self.state, self._broadcast, self._announced = None, "init", None, None
        self._transports, self._tracks_by_channel, self._base = {}, {}, ""

    async def _describe(self, request: Request, target: Target) -> Answer:
        broadcast = self._around.switchboard.find(target)
        if broadcast is None:
            return Answer(404)
        described = await broadcast.described(_DESCRIBE_WITHIN_S)
        if described is None:
            return Answer(415 if broadcast.problem else 503)
        base = _base(request.target, "")
        session_id = secrets.randbits(62)
        text = sdp.write(described, session_id=session_id, address=self._around.own)
        headers = {"Content-Type": "application/sdp", "Content-Base": f"{base}/", "Cache-Control": "no-cache"}
        return Answer(200, headers, text.encode())

    def _announce(self, request: Request, target: Target) -> Answer:
        if self.state != "init" or self.id is not None:
            return Answer(455)
        if request.headers.get("content-type", "application/sdp").partition(";")[0].strip() != "application/sdp":
            return Answer(415)
        try:
            described = sdp.parse(request.body.decode())
            self._announced = self._around.switchboard.announced(target, described)
        except (sdp.BadDescriptionError, UnicodeDecodeError):
            return Answer(400)
        except NotAllowedError:
            return Answer(403)
        self._base = _base(request.target, "")
        return Answer(200)

    async def _setup(self, request: Request, target: Target) -> Answer:
        if self.state not in ("init", "ready"):
            return Answer(455)
        if self._announced is not None:
            broadcast: Broadcast | None = self._announced
            track = _announced_track(self._announced, request.target, target)
        else:
            broadcast = self._around.switchboard.find(target)
            track = None if broadcast is None else await self._wanted_track(broadcast, target)
        if broadcast is None or broadcast.is_ended:
            return Answer(404)
        if self._broadcast not in (None, broadcast):
            return Answer(455)
        if track is None:
            return Answer(459 if not target.control else 404)
        wished = choose(request.headers.get("transport", ""), with_udp=self._around.udp is not None)
        transport = None if wished is None else self._settled(track, wished)
        if transport is None or transport.is_record != (self._announced is not None):
            return Answer(461)
        if self._broadcast is None:
            self._broadcast = broadcast
            broadcast.holders += 1
            self.id = secrets.token_hex(12)
            self._base = self._base or _base(request.target, target.control)
        self.state = "ready"
        self._take(track, transport)
        clocked = broadcast.clocked(track)
        ports = None if self._around.udp is None else self._around.udp.numbers
        ssrc = None if clocked is None else clocked.ssrc
        return Answer(200, {"Transport": answer(transport, server_ports=ports, ssrc=ssrc), **self._session_header()})

    async def _wanted_track(self, broadcast: Broadcast, target: Target) -> int | None:
        described = await broadcast.described(_DESCRIBE_WITHIN_S)
        if described is None:
            return None
        if not target.control and len(described.media) == 1:
            return 0
        number = target.control.removeprefix(_TRACK)
        if not target.control.startswith(_TRACK) or not number.isdecimal() or len(number) > 2:
            return None
        return int(number) if int(number) < len(described.media) else None

    def _settled(self, track: int, wished: Transport) -> Transport | None:
        """The transport with its channels; `None` where it can not go with what is set up already."""
        others = [each for index, each in self._transports.items() if index != track]
        if any(each.is_tcp != wished.is_tcp for each in others):
            return None
        used = {number for each in others for number in (each.first, each.second)}
        if self._has_foreign_ports(track, wished):
            return None
        if wished.first is not None and not used & {wished.first, wished.second}:
            return wished
        if not wished.is_tcp:
            return None
        free = next((channel for channel in range(0, 256, 2) if not used & {channel, channel + 1}), None)
        return None if free is None else Transport(True, free, free + 1, wished.is_record)

    def _has_foreign_ports(self, track: int, wished: Transport) -> bool:
        """Whether another session of the same client has these ports."""
        udp = self._around.udp
        if udp is None or wished.is_tcp or track in self._transports:
            return False
        return any((self._around.peer, port or 0) in udp.handlers for port in (wished.first, wished.second))

    def _take(self, track: int, transport: Transport) -> None:
        assert transport.first is not None and transport.second is not None  # noqa: S101, PT018 - settled above
        self._transports[track] = transport
        if transport.is_tcp:
            self._tracks_by_channel = {
                channel: (index, channel == each.second)
                for index, each in self._transports.items()
                for channel in (each.first or 0, each.second or 0)
            }
        elif self._around.udp is not None:
            self._listen(self._around.udp, track, transport.first, transport.second)

    def _listen(self, udp: UdpPorts, track: int, packets: int, reports: int) -> None:
        """Take what the client sends from its ports: reports, and a publisher's packets."""
        peer = self._around.peer

        def take(data: bytes, *, is_report: bool) -> None:
            self.last_heard()
            if isinstance(self._broadcast, PublishedBroadcast) and self.state == "recording":
                (self._broadcast.take_report if is_report else self._broadcast.take)(track, data)

        udp.handlers[peer, packets] = lambda data: take(data, is_report=False)
        udp.handlers[peer, reports] = lambda data: take(data, is_report=True)

    def _play(self) -> Answer:
        broadcast = self._broadcast
        if self.state == "playing":
            return Answer(200, self._session_header())  # some players keep a session alive so
        if self.state != "ready" or broadcast is None or self._announced is not None:
            return Answer(455)
        if broadcast.is_ended:
            return Answer(404)
        reader = self._made_reader(broadcast)

        def begin() -> None:
            if self.reader is reader:
                broadcast.join(reader)
                self.report_clocks()

        self.reader, self.state = reader, "playing"
        way = "TCP" if self.is_over_tcp else "UDP"
        _LOG.info("%s: %s reads it over %s", broadcast.target.shown, self._around.peer, way)
        headers = {"Range": "npt=now-", **self._session_header()}
        info = self._info(broadcast)
        if info:
            headers["RTP-Info"] = info
        return Answer(200, headers, then=begin)

    def _made_reader(self, broadcast: Broadcast) -> PacketReader:
        described = broadcast.description
        kinds = [] if described is None else [media.kind for media in described.media]
        main = kinds.index("video") if "video" in kinds else 0
        ends = {track: (each.first or 0, each.second or 0) for track, each in self._transports.items()}
        around = self._around
        if self.is_over_tcp or around.udp is None:
            return TcpReader(around.transport, ends, main, self._stream_ended)
        return UdpReader(around.udp, around.peer, ends, main, self._stream_ended)

    def _info(self, broadcast: Broadcast) -> str:
        """Where each stream begins (section 12.33), as far as that is known."""
        parts = []
        for track in sorted(self._transports):
            packet = broadcast.first(track)
            if packet is not None:
                begin = f"seq={rtp.sequence_of(packet)};rtptime={rtp.timestamp_of(packet)}"
                parts.append(f"url={self._base}/{_TRACK}{track};{begin}")
        return ",".join(parts)

    def _pause(self) -> Answer:
        if self.state not in ("playing", "ready"):
            return Answer(455)
        self._stop_reading()
        self.state = "ready"
        return Answer(200, self._session_header())

    def _record(self) -> Answer:
        if self.state != "ready" or self._announced is None:
            return Answer(455)
        try:
            self._around.switchboard.publish(self._announced)
        except NotAllowedError:
            return Answer(403)
        self.state = "recording"
        _LOG.info("%s: %s publishes it", self._announced.target.shown, self._around.peer)
        return Answer(200, self._session_header())

    def _teardown(self) -> Answer:
        self.close()
        return Answer(200)

    def _stream_ended(self) -> None:
        """Say goodbye to a reader whose stream is over (RFC 3550, section 6.6)."""
        if self.reader is not None and self._broadcast is not None:
            for track in self.reader.tracks:
                clocked = self._broadcast.clocked(track)
                if clocked is not None:
                    self.reader.say_goodbye(track, clocked.ssrc)
        self._around.end_connection()

    def _stop_reading(self) -> None:
        if self.reader is not None and self._broadcast is not None:
            self._broadcast.leave(self.reader)
            self._around.switchboard.lost += self.reader.lost
            shown, lost = self._broadcast.target.shown, self.reader.lost
            _LOG.info("%s: %s reads it no more; it was too slow for %d packets", shown, self._around.peer, lost)
            self.reader.close()
        self.reader = None

    def _session_header(self) -> dict[str, str | list[str]]:
        return {} if self.id is None else {"Session": f"{self.id};timeout={TIMEOUT_S}"}


def _base(address: str, control: str) -> str:
    """A session's own address: without a query, the streams' control, and trailing slashes."""
    plain = address.partition("?")[0].rstrip("/")
    return plain.removesuffix(control).rstrip("/") if control else plain


def _announced_track(announced: PublishedBroadcast, address: str, target: Target) -> int | None:
    """Which of its streams a publisher means, by what it called them itself."""
    described = announced.offered
    for track, media in enumerate(described.media):
        control = media.control.rstrip("/")
        if control and (address.rstrip("/") == control or target.control == control):
            return track
    if not target.control and len(described.media) == 1:
        return 0
    return None


def _one_line(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())[:200]
