"""Parameter sets say what an encoder was told."""

from __future__ import annotations

import av
import pytest

from filming import film
from watchpost.mp4.boxes import DamagedError
from watchpost.mp4.parameter_sets import (
    is_complete,
    parameter_sets,
    picture,
    record,
    sets_in_record,
    units,
    with_lengths,
)

SIZES = [(64, 48), (66, 50), (176, 144), (1918, 1078)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("encoder", "codec"), [("libx264", "h264"), ("libx265", "hevc")])
def test_the_size_is_that_of_the_picture_without_padding(size: tuple[int, int], encoder: str, codec: str) -> None:
    key = bytes(film(1, size=size, codec=encoder)[0].payload)
    sets = parameter_sets(key, codec)
    assert is_complete(sets, codec)
    shown = picture(sets, codec)
    assert (shown.width, shown.height) == size
    assert (shown.chroma_format, shown.luma_bits, shown.chroma_bits) == (1, 8, 8)


@pytest.mark.parametrize(("encoder", "codec"), [("libx264", "h264"), ("libx265", "hevc")])
def test_a_decoder_begins_with_the_record_alone(encoder: str, codec: str) -> None:
    packets = film(5, codec=encoder)
    key = bytes(packets[0].payload)
    context = av.CodecContext.create(codec, "r")
    context.extradata = record(parameter_sets(key, codec), codec)
    frames = []
    for packet in packets:
        frames += context.decode(av.Packet(with_lengths(bytes(packet.payload))))
    frames += context.decode(None)
    assert [(frame.width, frame.height) for frame in frames] == [(64, 48)] * 5


@pytest.mark.parametrize(("encoder", "codec"), [("libx264", "h264"), ("libx265", "hevc")])
def test_a_record_holds_the_sets_it_was_made_of(encoder: str, codec: str) -> None:
    sets = parameter_sets(bytes(film(1, codec=encoder)[0].payload), codec)
    written = record(sets, codec)
    assert sets_in_record(written, codec) == sets
    for length in range(len(written) - 4):
        assert not is_complete(sets_in_record(written[:length], codec), codec)


def test_units_are_found_between_start_codes_of_three_and_four_bytes() -> None:
    data = b"\x00\x00\x00\x01\x67ab\x00\x00\x01\x68\x00\x00\x03\x01\x00\x00\x00\x01\x65"
    assert [bytes(each) for each in units(data)] == [b"\x67ab", b"\x68\x00\x00\x03\x01", b"\x65"]
    assert units(b"") == units(b"no start code") == []
    assert with_lengths(b"\x00\x00\x01\x65x") == b"\x00\x00\x00\x02\x65x"


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_what_can_not_be_read_is_told(codec: str) -> None:
    encoder = {"h264": "libx264", "hevc": "libx265"}[codec]
    sets = parameter_sets(bytes(film(1, codec=encoder)[0].payload), codec)
    with pytest.raises(DamagedError):
        record(sets[:1], codec)
    with pytest.raises(DamagedError):
        picture(tuple(each[:6] for each in sets), codec)
    with pytest.raises(DamagedError):
        picture((), codec)
