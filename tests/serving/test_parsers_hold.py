"""Whatever strangers send: parsers raise their own error or give something that holds, and nothing else."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.mp4 import parameter_sets
from watchpost.serving import rtp, sdp
from watchpost.serving.rtsp_messages import (
    MOST_BODY_BYTES,
    MOST_HEAD_BYTES,
    BadMessageError,
    MessageReader,
)
from watchpost.serving.rtsp_target import parse_target
from watchpost.serving.rtsp_transport import answer, choose

# fmt: off
PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                b"\r\n",
                b"\n",
                b"$",
                b"$\x00\x00\x02",
                b"RTSP/1.0",
                b"OPTIONS",
                b" ",
                b"*",
                b"CSeq: 1\r\n",
                b":",
                b"Content-Length: 3\r\n",
                b"content-length: 99999\r\n",
                b"rtsp://h/gate",
                b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
            ]
        ),
    ),
    max_size=30,
)
LINES = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(
            [
                "v=0",
                "s=x",
                "m=video 0 RTP/AVP 96",
                "a=rtpmap:96 H264/90000",
                "a=fmtp:96 x=y;z",
                "a=control:trackID=0",
                "m=audio 0 RTP/AVP 8",
                "a=",
                "a=rtpmap:",
                "a=fmtp:96",
                "m=",
                "=",
                "a=control:",
                "t=0 0",
            ]
        ),
    ),
    max_size=20,
)
# fmt: on
HEADER = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            ["RTP/AVP", "RTP/AVP/TCP", ";", "=", ",", "-", "client_port", "interleaved", "mode", "5000", "7"]
        ),
    ),
    max_size=20,
).map("".join)


@given(PIECES)
@settings(max_examples=300)
def test_messages(pieces: list[bytes]) -> None:
    reader = MessageReader()
    with contextlib.suppress(BadMessageError):
        for piece in pieces:
            for message in reader.feed(piece):
                assert len(getattr(message, "body", b"")) <= MOST_BODY_BYTES
            assert len(reader._buffer) <= MOST_HEAD_BYTES + MOST_BODY_BYTES + len(piece)


@given(LINES)
@settings(max_examples=300)
def test_descriptions(lines: list[str]) -> None:
    try:
        described = sdp.parse("\r\n".join(["v=0", *lines]))
    except sdp.BadDescriptionError:
        return
    again = sdp.parse(sdp.write(described, session_id=1, address="127.0.0.1"))
    assert [(each.kind, each.payload_type, each.encoding, each.parameters) for each in again.media] == [
        (each.kind, each.payload_type, each.encoding, each.parameters) for each in described.media
    ]


@given(st.binary(max_size=80))
def test_packets(data: bytes) -> None:
    with contextlib.suppress(rtp.BadPacketError):
        packet = rtp.parse_packet(data)
        assert len(packet.payload) <= len(data) - rtp.HEADER_BYTES
    with contextlib.suppress(rtp.BadPacketError):
        assert rtp.report_types(data)


@given(HEADER, st.booleans())
@settings(max_examples=300)
def test_transports(header: str, with_udp: bool) -> None:
    chosen = choose(header, with_udp=with_udp)
    if chosen is not None and chosen.first is not None:
        assert answer(chosen, server_ports=(6000, 6001), ssrc=1).isascii()
        assert chosen.is_tcp or with_udp


@given(st.text(max_size=60))
def test_addresses(text: str) -> None:
    for address in (text, f"rtsp://{text}", f"rtsp://h/{text}"):
        target = parse_target(address)
        assert target is None or (target.name and target.name.isprintable())


@given(st.binary(max_size=60), st.sampled_from(["h264", "hevc"]))
def test_parameter_sets_of_mp4(data: bytes, codec: str) -> None:
    assert all(parameter_sets.sets_in_record(b"\x01" + data, codec))
    assert all(len(unit) for unit in parameter_sets.units_by_length(data, 4))
