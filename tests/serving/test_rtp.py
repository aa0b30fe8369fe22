"""RTP and RTCP, bit by bit."""

from __future__ import annotations

import struct

import pytest

from watchpost.serving import rtp


def test_a_packet_there_and_back() -> None:
    data = rtp.write_packet(96, 65_536 + 3, (1 << 32) + 5, 0xDEADBEEF, b"payload", is_marked=True)
    assert data[:12] == bytes.fromhex("80e0000300000005deadbeef")
    assert rtp.parse_packet(data) == rtp.RtpPacket(96, 3, 5, 0xDEADBEEF, True, b"payload")
    assert (rtp.sequence_of(data), rtp.timestamp_of(data)) == (3, 5)


def test_sources_extension_and_padding_are_passed_over() -> None:
    head = bytes((0xB2, 96)) + bytes(10)
    data = head + bytes(8) + struct.pack(">HH", 1, 2) + bytes(8) + b"payload" + bytes((0, 0, 3))
    assert rtp.parse_packet(data).payload == b"payload"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(12),
        b"\x80" + bytes(10),
        b"\x81" + bytes(11),
        b"\x90" + bytes(11),
        b"\x90" + bytes(13) + b"\x00\x01",
        b"\xa0" + bytes(11),
        b"\xa0" + bytes(11) + b"\x05",
    ],
)
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(rtp.BadPacketError):
        rtp.parse_packet(data)


def test_ntp_counts_from_1900() -> None:
    assert rtp.ntp_time(0.5) == (2_208_988_800 << 32) + (1 << 31)


def test_a_sender_report() -> None:
    data = rtp.sender_report(7, 1.25, 90_000, 10, 2000, "watchpost")
    assert rtp.report_types(data) == (200, 202)
    assert struct.unpack(">BBHIIIIII", data[:28]) == (0x80, 200, 6, 7, 2_208_988_801, 1 << 30, 90_000, 10, 2000)
    assert data[28:] == bytes.fromhex("81ca0004 00000007") + b"\x01\x09watchpost\x00"
    assert len(data) % 4 == 0


def test_a_goodbye() -> None:
    data = rtp.goodbye(7, "watchpost")
    assert rtp.report_types(data) == (201, 202, 203)
    assert data[-8:] == bytes.fromhex("81cb000100000007")


@pytest.mark.parametrize("data", [b"", b"\x80\xc8", bytes(8), b"\x80\xc8\x00\x05" + bytes(4), b"\x80\xc9\x00\x00\x80"])
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(rtp.BadPacketError):
        rtp.report_types(data)
