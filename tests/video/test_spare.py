"""Pictures that nothing refers to can be left out, and the others come out as they were."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from filming import FPS, film
from watchpost.mp4.parameter_sets import parameter_sets, record, with_lengths
from watchpost.types import Packet
from watchpost.video.decoder import Decoder
from watchpost.video.spare import SparePictures

CODECS = ["libx264", "libx265"]


def kept(packets: list[Packet], fps: float) -> list[Packet]:
    spare = SparePictures()
    return [packet for packet in packets if not spare.is_spare(packet, fps)]


def frames(packets: list[Packet]) -> dict[float, np.ndarray]:
    decoder = Decoder("gate")
    found = [frame for packet in packets for frame in decoder.decode(packet)] + decoder.flush()
    assert decoder.counters["corrupt"] == decoder.counters["damaged"] == 0
    return {frame.camera_time_s: frame.picture.grey(64, 48) for frame in found}


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_left_is_decoded_as_before(codec: str) -> None:
    packets = film(120, gop=30, codec=codec, bframes=2)
    fewer = kept(packets, FPS / 3)
    assert len(fewer) < 0.8 * len(packets)
    whole, part = frames(packets), frames(fewer)
    assert len(part) == len(fewer)
    assert all(np.array_equal(whole[time_s], picture) for time_s, picture in part.items())


def test_nothing_is_left_out_where_the_rate_wants_all() -> None:
    packets = film(120, gop=30, bframes=2)
    assert len(kept(packets, 8.0)) == len(packets)
    assert len(kept(packets, float("inf"))) == len(packets)


@pytest.mark.parametrize("codec", CODECS)
def test_a_camera_without_b_frames_has_none(codec: str) -> None:
    packets = film(60, gop=30, codec=codec)
    assert kept(packets, 1.0) == packets


def test_units_with_lengths_are_read_too() -> None:
    packets = film(120, gop=30, bframes=2)
    sets = parameter_sets(bytes(packets[0].payload), "h264")  # type: ignore[call-overload]
    stream = dataclasses.replace(packets[0].stream, extradata=record(sets, "h264"))
    boxed = [
        dataclasses.replace(packet, stream=stream, payload=with_lengths(bytes(packet.payload)))  # type: ignore[call-overload]
        for packet in packets
    ]
    assert len(kept(boxed, FPS / 3)) == len(kept(packets, FPS / 3))


def test_a_restart_is_never_left_out() -> None:
    packets = film(120, gop=30, bframes=2)
    spare = SparePictures()
    left_out = next(packet for packet in packets if spare.is_spare(packet, 1.0))
    assert not spare.is_spare(dataclasses.replace(left_out, is_discontinuous=True), 1.0)


def test_what_can_not_be_read_is_decoded() -> None:
    packets = [dataclasses.replace(packet, payload=b"\0\0\1") for packet in film(60, gop=30, bframes=2)]
    assert kept(packets, 1.0) == packets
