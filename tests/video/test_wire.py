"""Packets go to another process as bytes and come back as they were."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from typing import Any

import av
import pytest

from filming import G711, film
from watchpost.types import Packet, StreamInfo
from watchpost.video.decoder import Decoder
from watchpost.video.wire import packet_from_wire, packet_to_wire, stream_from_json, stream_to_json

STREAM = StreamInfo("h264", 64, 48, Fraction(1, 90_000), Fraction(30_000, 1001), "yuv420p", b"\x00\x01\xff", 6, 1, 90)


def sent(packet: Packet) -> Packet:
    stream = stream_from_json(json.loads(json.dumps(stream_to_json(packet.stream))))
    head, body = packet_to_wire(packet)
    return packet_from_wire(packet.camera, stream, json.loads(json.dumps(head)), body)


@pytest.mark.parametrize("stream", [STREAM, dataclasses.replace(STREAM, audio=G711, is_live=True, extradata=None)])
def test_a_stream_comes_back_as_it_was(stream: StreamInfo) -> None:
    again = stream_from_json(json.loads(json.dumps(stream_to_json(stream))))
    assert dataclasses.asdict(again) == dataclasses.asdict(stream)


def test_a_packet_comes_back_with_its_times_its_data_and_its_sound() -> None:
    packet = dataclasses.replace(film(2, sound=G711, start_s=5.0)[0], is_discontinuous=True)
    again = sent(packet)
    for name in ("camera", "pts", "dts", "is_key", "size", "wall_time_s", "is_corrupt", "is_discontinuous"):
        assert getattr(again, name) == getattr(packet, name), name
    assert isinstance(again.payload, av.Packet)
    assert isinstance(packet.payload, av.Packet)
    assert bytes(again.payload) == bytes(packet.payload)
    assert again.payload.pts == packet.payload.pts != again.pts
    assert again.payload.is_keyframe
    assert [each.pts for each in again.audio] == [each.pts for each in packet.audio]
    assert [bytes(each.payload) for each in again.audio] == [bytes(each.payload) for each in packet.audio]  # type: ignore[call-overload]


def test_what_came_back_can_be_decoded() -> None:
    decoder = Decoder("gate")
    packets = film(5)
    stream = stream_from_json(stream_to_json(packets[0].stream))
    frames = [
        each for packet in packets for each in decoder.decode(packet_from_wire("gate", stream, *packet_to_wire(packet)))
    ]
    frames += decoder.flush()
    assert [round(each.camera_time_s, 3) for each in frames] == [0.0, 0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize(
    "change",
    [{"sizes": []}, {"sizes": [1]}, {"sizes": [-1, 1]}, {"sizes": "x"}, {"pts": "x"}, {"own": [1]}, {"audio": [1]}],
)
def test_what_is_no_packet_is_an_error(change: dict[str, Any]) -> None:
    packet = film(1)[0]
    head, body = packet_to_wire(packet)
    with pytest.raises(ValueError, match=r"."):
        packet_from_wire("gate", packet.stream, {**head, **change}, body)


@pytest.mark.parametrize("change", [{"time_base": "0"}, {"time_base": "1/0"}, {"width": None}, {"extradata": "?"}])
def test_what_is_no_stream_is_an_error(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        stream_from_json({**stream_to_json(STREAM), **change})
