"""The Transport header."""

from __future__ import annotations

import pytest

from watchpost.serving.rtsp_transport import Transport, answer, choose


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=0-1", Transport(True, 0, 1)),
        ("RTP/AVP/TCP;unicast", Transport(True, None, None)),
        ("RTP/AVP;unicast;client_port=5000-5001", Transport(False, 5000, 5001)),
        ("RTP/AVP/UDP;unicast;client_port=5000", Transport(False, 5000, 5001)),
        ('RTP/AVP/TCP;interleaved=2-3;mode="record"', Transport(True, 2, 3, True)),
        ("RTP/AVP;multicast, RTP/AVP/TCP;interleaved=4-5", Transport(True, 4, 5)),
        ("RTP/SAVP;unicast;client_port=5000-5001", None),
        ("RTP/AVP;unicast", None),
        ("RTP/AVP;unicast;client_port=53-54", None),
        ("RTP/AVP;unicast;client_port=70000-70001", None),
        ("RTP/AVP;unicast;client_port=0-1", None),
        ("RTP/AVP/TCP;interleaved=255", None),
        ("RTP/AVP/TCP;interleaved=3-3", None),
        ("", None),
        (",;,;=,", None),
    ],
)
def test_the_first_that_is_possible(header: str, expected: Transport | None) -> None:
    assert choose(header, with_udp=True) == expected


def test_no_udp_where_it_is_off() -> None:
    header = "RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=0-1"
    assert choose(header, with_udp=False) == Transport(True, 0, 1)


def test_a_foreign_destination_is_not_taken() -> None:
    header = "RTP/AVP;unicast;destination=203.0.113.9;client_port=5000-5001"
    chosen = choose(header, with_udp=True)
    assert chosen == Transport(False, 5000, 5001)
    text = answer(chosen, server_ports=(6000, 6001), ssrc=0xABC)
    assert text == "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;ssrc=00000ABC"
