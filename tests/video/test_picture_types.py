"""Picture types read from slice headers are those that the decoder finds."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import pytest

from clips import encode_clip, moving_square
from watchpost.clock import ManualClock
from watchpost.sources import _av
from watchpost.types import Packet, StreamInfo
from watchpost.video import picture_types


def packets_and_decoded(data: bytes, container: str | None = None) -> tuple[list[Packet], dict[int, str]]:
    """The packets of a clip, and the type of each picture by pts as FFmpeg's decoder tells it."""
    with av.open(io.BytesIO(data), format=container) as opened:
        stream = opened.streams.video[0]
        info = _av.stream_info(stream, is_live=False)
        packets = [_av.to_packet(p, info, "cam", ManualClock()) for p in opened.demux(stream) if p.size]
    with av.open(io.BytesIO(data), format=container) as opened:
        decoded = {f.pts: "?IPB"[f.pict_type] for f in opened.decode(video=0) if f.pts is not None}
    return packets, decoded


def told(packets: list[Packet]) -> dict[int | None, str]:
    types = picture_types.for_stream(packets[0].stream)
    kinds = {packet.pts: types.of(packet).kind for packet in packets}
    return kinds | types.late()


@pytest.mark.parametrize(
    ("codec", "container", "bframes", "options"),
    [
        ("libx264", "mp4", 0, {}),
        ("libx264", "mp4", 3, {}),
        ("libx264", "mp4", 2, {"x264-params": "slices=4"}),
        ("libx264", "mpegts", 2, {}),
        ("libx264", "mpegts", 4, {"x264-params": "open-gop=1"}),
        ("libx265", "mp4", 3, {"x265-params": "log-level=none:keyint=10"}),
        ("libx265", "mpegts", 2, {"x265-params": "log-level=none:keyint=10:open-gop=1"}),
        ("mpeg4", "mp4", 2, {}),
        ("mpeg2video", "mpegts", 2, {}),
        ("mjpeg", "avi", 0, {}),
    ],
)
def test_types_are_the_decoders(codec, container, bframes, options):
    file = io.BytesIO()
    encode_clip(
        file,
        moving_square(30),
        gop=10,
        bframes=bframes,
        codec=codec,
        container=container,
        pixel_format="yuvj420p" if codec == "mjpeg" else "yuv420p",
        options=options,
    )
    packets, decoded = packets_and_decoded(file.getvalue())
    kinds = told(packets)
    assert len(decoded) >= 28
    assert {pts: kinds[pts] for pts in decoded} == decoded
    assert set(decoded.values()) == ({"I"} if codec == "mjpeg" else {"I", "P", "B"} if bframes else {"I", "P"})


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0\0\1", b"\0\0\1\x65", b"\0\0\1\x65\0\0\0", b"\xff" * 50, b"\0\0\1\x26\1" + b"\0" * 30]
)
def test_broken_data_raises_nothing(codec, data):
    info = StreamInfo(codec, 64, 48, Fraction(1, 90000))
    broken = Packet("cam", info, 0, 0, True, len(data), 0.0, data)
    assert picture_types.for_stream(info).of(broken).kind in "IPB?"


def test_nal_units_by_start_codes_of_three_and_four_bytes():
    data = b"\0\0\0\1\x67abc\0\0\1\x68de\0\0\1\x65f"
    assert [unit[:1] for unit in picture_types.nal_units(data, None)] == [b"\x67", b"\x68", b"\x65"]


def test_nal_units_by_length_end_where_data_ends():
    assert list(picture_types.nal_units(b"\0\0\0\2ab\0\0\0\1c\0\0\0\x09d", 4)) == [b"ab", b"c", b"d"]
