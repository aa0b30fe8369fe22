"""Publishes a camera's packets to an RTSP server: ANNOUNCE, SETUP, RECORD (RFC 2326, section 10), over TCP.

FFmpeg's muxer does the same, but blocks for ever where the server stops reading, and the whole process where it does
not answer.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Final

from watchpost.errors import TargetError
from watchpost.rtmp.publisher import Trust
from watchpost.serving import rtp, sdp
from watchpost.serving.burst import Burst
from watchpost.serving.packetiser import Packetiser, UnsupportedStreamError
from watchpost.serving.rtsp_client import RtspClient
from watchpost.serving.rtsp_messages import framed
from watchpost.types import Packet

_REPORT_S: Final = 5.0
_USUAL_TIMEOUT_S: Final = 60.0
"""RFC 2326, section 12.37."""
_MOST_HELD: Final = 100
"""Packets that wait until it is known what the sound is."""
_CHANNELS: Final = re.compile(r"interleaved=(\d{1,3})-(\d{1,3})")
_TIMEOUT: Final = re.compile(r"timeout=(\d{1,6})")
_NAME: Final = "watchpost"


class RtspPublisher:
    """One published stream (see `watchpost.serving.targets.Target`). Connects at the first key frame."""

    def __init__(self, address: str, shown: str, timeout_s: float, trust: Trust) -> None:
        self.frames = 0
        self.bytes = 0
        """Of pictures and sound."""
        self.left_out = ""
        self._address = address
        self._shown = shown
        self._timeout_s = timeout_s
        self._trust = trust
        self._held: list[Packet] = []
        self._client: RtspClient | None = None
        self._packetiser: Packetiser | None = None
        self._channels: list[tuple[int, int]] = []
        """Of each stream, for its packets and for its reports."""
        self._sent: list[tuple[int, int]] = []
        """Packets of each stream, and bytes of payload."""
        self._session: dict[str, str] = {}
        self._alive_every_s = _USUAL_TIMEOUT_S / 2
        self._alive_s = self._reported_s = 0.0
        self._last_s = float("-inf")

    def write(self, packet: Packet) -> None:
        """Add a packet. What comes before the first key frame is passed over. Raises `TargetError`."""
        if self._packetiser is None:
            self._hold(packet)
            return
        time_s = packet.camera_time_s or 0.0
        dts_s = time_s if packet.dts is None else float(packet.dts * packet.stream.time_base)
        if not self._packetiser.fits(packet):
            raise TargetError(f"{self._shown}: the camera changed its picture's format.")
        if dts_s < self._last_s:
            raise TargetError(f"{self._shown}: the camera began anew.")
        self._last_s = dts_s
        self._put(packet)

    def close(self) -> None:
        """End the stream and the connection. Raises `TargetError` where a short one could not be begun."""
        try:
            if self._held:
                self._begin()
        finally:
            client, self._client = self._client, None
            if client is not None:
                client.end(self._session)

    def abandon(self) -> None:
        """End the connection at once."""
        client, self._client = self._client, None
        if client is not None:
            client.abort()

    def _hold(self, packet: Packet) -> None:
        if not self._held and not packet.is_key:
            return
        self._held.append(packet)
        sound = packet.stream.audio
        is_known = sound is None or bool(sound.extradata) or sound.codec != "aac"
        if is_known or any(each.audio for each in self._held) or len(self._held) >= _MOST_HELD:
            self._begin()

    def _begin(self) -> None:
        held, self._held = self._held, []
        try:
            packetiser = Packetiser(_NAME, held)
        except UnsupportedStreamError as error:
            message = f"{self._shown}: carries h264 and hevc, not {error}; let it be encoded anew (--transcode)."
            raise TargetError(message, permanent=True) from None
        media = packetiser.description.media
        sound = held[0].stream.audio
        self.left_out = sound.codec if sound is not None and len(media) < 2 else ""
        self._client = client = RtspClient(self._address, self._shown, self._timeout_s, self._trust)
        text = sdp.write(packetiser.description, session_id=secrets.randbits(31), address=client.own_address)
        client.ask("ANNOUNCE", client.url, {"Content-Type": "application/sdp"}, text.encode())
        self._channels = [self._set_up(client, track) for track in range(len(media))]
        client.ask("RECORD", client.url, {**self._session, "Range": "npt=0.000-"})
        self._sent = [(0, 0)] * len(media)
        self._alive_s = time.monotonic()
        self._packetiser = packetiser
        for each in held:
            self.write(each)

    def _set_up(self, client: RtspClient, track: int) -> tuple[int, int]:
        """Of a stream: the channels that the server wants it on."""
        channels = 2 * track, 2 * track + 1
        transport = f"RTP/AVP/TCP;unicast;interleaved={channels[0]}-{channels[1]};mode=record"
        base = client.url.rstrip("/")
        reply = client.ask("SETUP", f"{base}/trackID={track}", {**self._session, "Transport": transport})
        name, _, rest = reply.header("session").partition(";")
        if name:
            self._session = {"Session": name.strip()}
        if found := _TIMEOUT.search(rest):
            self._alive_every_s = max(1, int(found[1])) / 2
        if given := _CHANNELS.search(reply.header("transport")):
            channels = int(given[1]) & 0xFF, int(given[2]) & 0xFF
        return channels

    def _put(self, packet: Packet) -> None:
        assert self._packetiser is not None  # noqa: S101 - for the type checker: write has looked
        assert self._client is not None  # noqa: S101
        for burst in self._packetiser.bursts(packet):
            self._send(self._client, burst)
        self.frames += 1
        self._client.look()
        now_s = time.monotonic()
        if now_s - self._reported_s >= _REPORT_S:
            self._reported_s = now_s
            self._report(self._client, self._packetiser)
        if now_s - self._alive_s >= self._alive_every_s:
            self._alive_s = now_s
            self._client.keep_alive(self._session)

    def _send(self, client: RtspClient, burst: Burst) -> None:
        client.send(burst.framed(self._channels[burst.track][0]))
        packets, octets = self._sent[burst.track]
        self._sent[burst.track] = packets + len(burst.datagrams), octets + burst.octets
        self.bytes += burst.octets

    def _report(self, client: RtspClient, packetiser: Packetiser) -> None:
        for track, (packets, octets) in enumerate(self._sent):
            if packets:
                at = packetiser.clocked(track)
                report = rtp.sender_report(at.ssrc, at.wall_time_s, at.timestamp, packets, octets, _NAME)
                client.send(framed(self._channels[track][1], report))
