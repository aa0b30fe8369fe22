"""RTP packets and their reports (RFC 3550): written, and taken apart as far as a server must know them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

HEADER_BYTES: Final = 12
MOST_PAYLOAD_BYTES: Final = 1400
"""With the headers of RTP, UDP and IPv6 it fits the 1500 bytes of Ethernet, and a tunnel's share too."""
SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
_DESCRIPTION: Final = 202
_GOODBYE: Final = 203
_CANONICAL_NAME: Final = 1
_VERSION: Final = 2
_NTP_EPOCH_S: Final = 2_208_988_800
"""From 1900, where NTP begins, to 1970."""


class BadPacketError(Exception):
    """This is no packet of RTP or RTCP."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """A packet taken apart (section 5.1)."""

    payload_type: int
    sequence: int
    """16 bits."""
    timestamp: int
    """32 bits, in ticks of the stream's clock."""
    ssrc: int
    is_marked: bool
    payload: bytes


def write_packet(
    payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes | memoryview, *, is_marked: bool
) -> bytes:
    """A packet; `sequence` and `timestamp` are taken modulo their 16 and 32 bits."""
    header = struct.pack(
        ">BBHII",
        _VERSION << 6,
        is_marked << 7 | payload_type,
        sequence & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        ssrc,
    )
    return header + payload


def parse_packet(data: bytes) -> RtpPacket:
    """Take a packet apart: contributing sources, extension and padding are passed over. Raises `BadPacketError`."""
    if len(data) < HEADER_BYTES or data[0] >> 6 != _VERSION:
        raise BadPacketError
    first, second, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", data)
    begin = HEADER_BYTES + 4 * (first & 0x0F)
    end = len(data)
    if first & 0x10:  # an extension (section 5.3.1)
        if end < begin + 4:
            raise BadPacketError
        begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
    if first & 0x20:  # padding: its last byte counts it
        end -= data[-1]
        if not data[-1]:
            raise BadPacketError
    if end < begin:
        raise BadPacketError
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, bool(second & 0x80), data[begin:end])


def sequence_of(data: bytes) -> int:
    """The sequence number of a packet that `write_packet` made or `parse_packet` took."""
    return data[2] << 8 | data[3]


def timestamp_of(data: bytes) -> int:
    """The time stamp of such a packet."""
    return int.from_bytes(data[4:8], "big")


def ntp_time(wall_time_s: float) -> int:
    """Seconds since 1970 as NTP's 64 bits: seconds since 1900, and their fraction (section 4)."""
    return round((wall_time_s + _NTP_EPOCH_S) * (1 << 32)) & (1 << 64) - 1


def sender_report(
    ssrc: int, wall_time_s: float, timestamp: int, packets: int, octets: int, canonical_name: str
) -> bytes:
    """What ties a stream's time stamps to the clock on the wall (sections 6.4.1 and 6.5.1).

    `timestamp` is the stream's at `wall_time_s`; `packets` and `octets` of payload were sent so far.
    """
    ntp = ntp_time(wall_time_s)
    report = struct.pack(
        ">BBHIQIII",
        _VERSION << 6,
        SENDER_REPORT,
        6,
        ssrc,
        ntp,
        timestamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )
    return report + _described(ssrc, canonical_name)


def goodbye(ssrc: int, canonical_name: str) -> bytes:
    """The end of a stream: an empty receiver report, who it was, and BYE (section 6.6)."""
    empty = struct.pack(">BBHI", _VERSION << 6, RECEIVER_REPORT, 1, ssrc)
    return empty + _described(ssrc, canonical_name) + struct.pack(">BBHI", _VERSION << 6 | 1, _GOODBYE, 1, ssrc)


def _described(ssrc: int, canonical_name: str) -> bytes:
    name = canonical_name.encode()[:255]
    item = struct.pack(">IBB", ssrc, _CANONICAL_NAME, len(name)) + name
    item += bytes(4 - len(item) % 4)  # at least one zero ends the list
    return struct.pack(">BBH", _VERSION << 6 | 1, _DESCRIPTION, len(item) // 4) + item


def report_types(data: bytes) -> tuple[int, ...]:
    """The kinds of the packets in one compound packet of RTCP (section 6.1). Raises `BadPacketError`."""
    found: list[int] = []
    at = 0
    while at < len(data):
        if len(data) < at + 4 or data[at] >> 6 != _VERSION:
            raise BadPacketError
        found.append(data[at + 1])
        at += 4 * (int.from_bytes(data[at + 2 : at + 4], "big") + 1)
    if at != len(data) or not found:
        raise BadPacketError
    return tuple(found)
