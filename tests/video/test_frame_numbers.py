"""A picture that is missing leaves a gap in the numbers of H.264."""

from __future__ import annotations

import dataclasses

import pytest

from filming import film
from watchpost.mp4.parameter_sets import parameter_sets, record, with_lengths
from watchpost.types import Packet
from watchpost.video.decoder import Decoder
from watchpost.video.frame_numbers import FrameNumbers


def described(packets: list[Packet]) -> list[Packet]:
    """With the parameter sets in the stream's description, as live sources leave them."""
    stream = dataclasses.replace(packets[0].stream, extradata=bytes(packets[0].payload))  # type: ignore[call-overload]
    return [dataclasses.replace(packet, stream=stream) for packet in packets]


def gaps(packets: list[Packet]) -> list[int]:
    numbers = FrameNumbers()
    return [index for index, packet in enumerate(packets) if numbers.has_gap(packet)]


@pytest.mark.parametrize("bframes", [0, 2])
def test_a_whole_stream_has_none(bframes: int) -> None:
    assert gaps(described(film(90, gop=40, bframes=bframes))) == []


def test_a_lost_picture_is_one() -> None:
    packets = described(film(60, gop=40))
    assert gaps(packets[:25] + packets[26:]) == [25]
    assert gaps(packets[:39] + packets[42:]) == [39], "the key frame is lost, too"


def test_a_lost_picture_that_nothing_refers_to_is_none() -> None:
    packets = described(film(30, gop=30, bframes=2))
    sizes = [packet.size for packet in packets[1:]]
    at = 1 + sizes.index(min(sizes))
    assert gaps(packets[:at] + packets[at + 1 :]) == []


def test_units_with_lengths_are_read_too() -> None:
    packets = film(30, gop=30)
    config = record(parameter_sets(bytes(packets[0].payload), "h264"), "h264")  # type: ignore[call-overload]
    stream = dataclasses.replace(packets[0].stream, extradata=config)
    boxed = [
        dataclasses.replace(packet, stream=stream, payload=with_lengths(bytes(packet.payload)))  # type: ignore[call-overload]
        for packet in packets
    ]
    assert gaps(boxed) == []
    assert gaps(boxed[:10] + boxed[12:]) == [10]


@pytest.mark.parametrize("extradata", [None, b"", b"\0\0\1\x67\x42", b"\1\x42"])
def test_where_the_description_tells_nothing_nothing_is_told(extradata: bytes | None) -> None:
    packets = film(30, gop=30)
    stream = dataclasses.replace(packets[0].stream, extradata=extradata)
    assert gaps([dataclasses.replace(packet, stream=stream) for packet in packets[:10] + packets[15:]]) == []


def test_frames_after_a_gap_are_damaged_until_the_next_key_frame() -> None:
    packets = described(film(40, gop=20))
    decoder = Decoder("gate")
    frames = [frame for packet in packets[:8] + packets[10:] for frame in decoder.decode(packet)]
    assert [frame.is_damaged for frame in frames] == [False] * 8 + [True] * 10 + [False] * 20
    assert decoder.counters["damaged"] == 10
