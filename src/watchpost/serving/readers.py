"""Those who read a stream, over TCP or UDP. Whoever is slow loses its own packets, and goes on with a key frame."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from watchpost.serving import rtp
from watchpost.serving.burst import Burst
from watchpost.serving.packetiser import Clocked
from watchpost.serving.rtsp_messages import framed
from watchpost.serving.udp_ports import UdpPorts

HELD_BYTES: Final = 8_000_000
"""What waits for one reader before its packets are dropped."""
_AT_ONCE: Final = 24
"""Datagrams that are sent before others have their turn: a receiver's buffer takes some more."""
_PAUSE_S: Final = 0.002
_NAME: Final = "watchpost"


class Sending:
    """What has been sent of one stream to one reader."""

    __slots__ = ("octets", "packets")

    def __init__(self) -> None:
        self.packets = 0
        self.octets = 0


class PacketReader:
    """What both kinds share: which streams, from which key frame on, and what was lost."""

    def __init__(self, tracks: Mapping[int, tuple[int, int]], main: int, on_end: Callable[[], None]) -> None:
        """`tracks` has channels or ports by stream; the stream `main` has the key frames."""
        self.lost = 0
        """Packets that this reader was too slow for."""
        self.tracks = dict(tracks)
        self.sent = {track: Sending() for track in tracks}
        self._waits_for_key = main in tracks
        self._main = main
        self._on_end = on_end

    def offer(self, burst: Burst) -> None:
        """Send a burst, or lose it."""
        if burst.track not in self.tracks:
            return
        if self._waits_for_key and not (burst.is_key and self.has_room(burst.size)):
            self.lost += len(burst.datagrams) if self._has_begun() else 0
            return
        if not self._waits_for_key and not self.has_room(burst.size):
            self.lost += len(burst.datagrams)
            self._waits_for_key = self._main in self.tracks
            return
        self._waits_for_key = False
        sending = self.sent[burst.track]
        sending.packets += len(burst.datagrams)
        sending.octets += burst.octets
        self.send(burst)

    def report_clock(self, track: int, clocked: Clocked) -> None:
        """Send a sender report (RFC 3550, section 6.4.1)."""
        sending = self.sent[track]
        self.report(
            track,
            rtp.sender_report(
                clocked.ssrc, clocked.wall_time_s, clocked.timestamp, sending.packets, sending.octets, _NAME
            ),
        )

    def say_goodbye(self, track: int, ssrc: int) -> None:
        """Tell that a stream is over."""
        self.report(track, rtp.goodbye(ssrc, _NAME))

    def end(self) -> None:
        """The stream has ended."""
        self._on_end()

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more may wait for this reader."""
        raise NotImplementedError

    def send(self, burst: Burst) -> None:
        """Send it for sure."""
        raise NotImplementedError

    def report(self, track: int, data: bytes) -> None:
        """Send a packet of RTCP, if there is room."""
        if track in self.tracks:
            self.send_report(track, data)

    def send_report(self, track: int, data: bytes) -> None:
        """The same, of a stream that is read."""
        raise NotImplementedError

    @property
    def accepted(self) -> int | None:
        """Bytes that the client has taken; `None` while nothing waits for it."""
        return None

    def close(self) -> None:
        """Send nothing more."""

    def _has_begun(self) -> bool:
        return any(each.packets for each in self.sent.values())


class TcpReader(PacketReader):
    """Reads between the messages of its connection; the kernel and the transport hold what it does not take."""

    def __init__(
        self,
        transport: asyncio.Transport,
        channels: Mapping[int, tuple[int, int]],
        main: int,
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(channels, main, on_end)
        self._transport = transport
        self._written = 0

    def has_room(self, size: int) -> bool:
        """What waits already must not be more than is held; a first burst of any size is sent."""
        waiting = self._transport.get_write_buffer_size()
        return not waiting or waiting + size <= HELD_BYTES

    def send(self, burst: Burst) -> None:
        """Hand it to the transport."""
        data = burst.framed(self.tracks[burst.track][0])
        self._written += len(data)
        self._transport.write(data)

    @property
    def accepted(self) -> int | None:
        """What was written, less what waits."""
        waiting = self._transport.get_write_buffer_size()
        return self._written - waiting if waiting else None

    def send_report(self, track: int, data: bytes) -> None:
        """Send RTCP on the second channel."""
        if self.has_room(len(data)):
            self._transport.write(framed(self.tracks[track][1], data))


class UdpReader(PacketReader):
    """Reads at its own ports. What it gets at the start is many packets at once: they are spread a little."""

    def __init__(
        self,
        sockets: UdpPorts,
        host: str,
        ports: Mapping[int, tuple[int, int]],
        main: int,
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(ports, main, on_end)
        self._sockets = sockets
        self._host = host
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._waiting_bytes = 0
        self._pacing: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more may wait."""
        return not self._waiting or self._waiting_bytes + size <= HELD_BYTES

    def send(self, burst: Burst) -> None:
        """Send now what may be sent at once, the rest in a moment."""
        port = self.tracks[burst.track][0]
        self._waiting.extend((port, each) for each in burst.datagrams)
        self._waiting_bytes += sum(map(len, burst.datagrams))
        if self._pacing is None:
            self._send_some()

    def send_report(self, track: int, data: bytes) -> None:
        """Send RTCP to the second port."""
        self._sockets.send_report(data, self._host, self.tracks[track][1])

    def close(self) -> None:
        """Send nothing more."""
        self._waiting.clear()
        self._waiting_bytes = 0
        if self._pacing is not None:
            self._pacing.cancel()
            self._pacing = None

    def _send_some(self) -> None:
        """A portion of what waits; the timer runs after each, so that bursts on each other's heels are spread, too."""
        self._pacing = None
        if not self._waiting:
            return
        for _ in range(min(_AT_ONCE, len(self._waiting))):
            port, datagram = self._waiting.popleft()
            self._waiting_bytes -= len(datagram)
            self.lost += not self._sockets.send_packet(datagram, self._host, port)
        self._pacing = self._loop.call_later(_PAUSE_S, self._send_some)
