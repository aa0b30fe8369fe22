from __future__ import annotations

import gc
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from clips import encode_clip, moving_square, solid
from watchpost.types import BGR, Frame, Packet, StreamInfo
from watchpost.video.decoder import Decoder


def demuxed(frames: list[BGR], *, drop_times: bool = False, **encoding: object) -> list[Packet]:
    """Packets of an encoded clip; their wall time is 1000 s plus their place in decoding order."""
    encoding.setdefault("container", "mp4")
    buffer = io.BytesIO()
    encode_clip(buffer, frames, **encoding)  # type: ignore[arg-type]
    buffer.seek(0)
    packets = []
    with av.open(buffer) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        info = StreamInfo(
            codec=context.name,
            width=context.width,
            height=context.height,
            time_base=stream.time_base or Fraction(1),
            pixel_format=context.pix_fmt,
            extradata=context.extradata,
            color_matrix=context.colorspace,
            color_range=context.color_range,
        )
        for payload in container.demux(stream):
            if not payload.size:
                continue
            if drop_times:
                payload.pts = payload.dts = None
            order = len(packets)
            pts = payload.pts if payload.pts is not None else round(order / 25 / info.time_base)
            packets.append(
                Packet("door", info, pts, payload.dts, payload.is_keyframe, payload.size, 1000.0 + order, payload)
            )
    return packets


def decoded(packets: Iterable[Packet], decoder: Decoder | None = None) -> list[Frame]:
    decoder = decoder or Decoder("door")

    def frames() -> Iterator[Frame]:
        for packet in packets:
            yield from decoder.decode(packet)
        yield from decoder.flush()

    return list(frames())


def test_every_picture_comes_out_in_order() -> None:
    pictures = moving_square(12)
    frames = decoded(demuxed(pictures, gop=4))

    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.camera_time_s for frame in frames] == pytest.approx([index / 25 for index in range(12)])
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.abs(frame.picture.bgr().astype(int) - picture).mean() < 4


def test_reordered_frames_keep_their_packets_wall_time() -> None:
    packets = demuxed(moving_square(9), bframes=2, gop=9)
    assert [packet.pts for packet in packets] != sorted(packet.pts or 0 for packet in packets)
    arrived = {packet.camera_time_s: packet.wall_time_s for packet in packets}

    frames = decoded(packets)

    assert len(frames) == 9
    for frame in frames:
        assert frame.wall_time_s == arrived[frame.camera_time_s]


def test_packets_without_pts_give_times_in_order_of_presentation() -> None:
    frames = decoded(demuxed(moving_square(9), container="h264", bframes=2, gop=9, drop_times=True))
    assert [frame.camera_time_s for frame in frames] == pytest.approx([index / 25 for index in range(9)])


def test_without_reordering_a_frame_comes_with_its_packet() -> None:
    decoder = Decoder("door")
    packets = demuxed(moving_square(5), options={"tune": "zerolatency"})
    assert [len(decoder.decode(packet)) for packet in packets] == [1] * 5


def test_waits_for_a_key_frame() -> None:
    decoder = Decoder("door")
    frames = decoded(demuxed(moving_square(12), gop=5)[2:], decoder)

    assert frames[0].camera_time_s == pytest.approx(5 / 25)
    assert len(frames) == 7
    assert decoder.counters["skipped"] == 3


def test_discontinuity_starts_afresh_and_is_told_once() -> None:
    packets = demuxed(moving_square(10), gop=5)
    shift = packets[-1].pts or 0
    again = [replace(packet, pts=(packet.pts or 0) + shift + 512) for packet in packets]
    again[0] = replace(again[0], is_discontinuous=True)

    frames = decoded(packets + again)

    assert len(frames) == 20
    assert [frame.index for frame in frames if frame.is_discontinuous] == [10]


def test_discontinuity_in_the_middle_of_a_group_waits_for_the_next_key_frame() -> None:
    packets = demuxed(moving_square(10), gop=5)
    packets[2] = replace(packets[2], is_discontinuous=True)
    frames = decoded(packets)
    assert [round(frame.camera_time_s * 25) for frame in frames] == [0, 1, 5, 6, 7, 8, 9]
    assert [frame.is_discontinuous for frame in frames] == [False, False, True] + [False] * 4


def test_new_stream_opens_a_new_codec() -> None:
    first = demuxed(moving_square(3))
    second = demuxed(moving_square(3, 80, 64), codec="mjpeg", pixel_format="yuvj420p", container="avi")
    second = [replace(packet, pts=(packet.pts or 0) + 100) for packet in second]

    frames = decoded(first + second)

    assert [frame.size for frame in frames] == [(160, 120)] * 3 + [(80, 64)] * 3
    assert not any(frame.is_discontinuous for frame in frames)


def test_corrupt_packets_are_counted_and_decoding_goes_on() -> None:
    packets = demuxed(moving_square(20), gop=5)
    for index in (6, 12):
        noise = av.Packet(np.random.default_rng(index).bytes(packets[index].size))
        noise.pts, noise.dts, noise.time_base = packets[index].pts, packets[index].dts, packets[index].stream.time_base
        packets[index] = replace(packets[index], payload=noise)
    decoder = Decoder("door")

    frames = decoded(packets, decoder)

    assert decoder.counters["corrupt"] == 2
    assert frames[-1].camera_time_s == pytest.approx(19 / 25)


def test_unknown_codec_is_counted_not_raised() -> None:
    packet = replace(demuxed(moving_square(1))[0], stream=StreamInfo("nonesuch", 8, 8, Fraction(1, 25)))
    decoder = Decoder("door")
    assert decoded([packet], decoder) == []
    assert decoder.counters["corrupt"] == 1


def test_packet_without_pts_is_the_callers_mistake() -> None:
    packet = replace(demuxed(moving_square(1))[0], pts=None)
    with pytest.raises(ValueError, match="timestamp filter"):
        Decoder("door").decode(packet)


def test_payload_is_left_as_it_came_and_can_be_decoded_twice() -> None:
    packets = demuxed(moving_square(5))
    assert len(decoded(packets)) == len(decoded(packets)) == 5
    assert all(packet.payload.opaque is None for packet in packets)  # type: ignore[attr-defined]


def test_decoded_packets_are_freed() -> None:
    import weakref

    class Token(float):
        """A float that can be referred to weakly."""

    packets = [replace(packet, wall_time_s=Token(5)) for packet in demuxed(moving_square(30), gop=10)]
    tokens = [weakref.ref(packet.wall_time_s) for packet in packets]
    decoder = Decoder("door")
    for packet in packets:
        decoder.decode(packet)
    decoder.flush()
    del packets, packet
    gc.collect()
    assert [token() for token in tokens if token() is not None] == []


@pytest.mark.parametrize("threads", [0, 2])
def test_frame_threads_give_the_same_frames(threads: int) -> None:
    packets = demuxed(moving_square(12), bframes=2, gop=6)
    one, many = decoded(packets), decoded(packets, Decoder("door", threads=threads))
    assert [frame.camera_time_s for frame in many] == [frame.camera_time_s for frame in one]
    assert [frame.wall_time_s for frame in many] == [frame.wall_time_s for frame in one]
    assert np.array_equal(many[-1].picture.bgr(), one[-1].picture.bgr())


ORANGE = (0, 128, 255)


@pytest.mark.parametrize(
    "encoding",
    [
        {"pixel_format": "yuv420p"},
        {"pixel_format": "yuv422p"},
        {"pixel_format": "yuv444p"},
        {"pixel_format": "yuv420p10le", "codec": "libx265", "options": {"x265-params": "log-level=none"}},
        {"pixel_format": "yuvj420p", "codec": "mjpeg", "container": "avi"},
        {"pixel_format": "rgba", "codec": "png", "container": "mov"},
        {"pixel_format": "rgb24", "codec": "png", "container": "mov"},
        {"pixel_format": "rgb48be", "codec": "png", "container": "mov"},
        {"pixel_format": "rgba64be", "codec": "png", "container": "mov"},
        {"pixel_format": "yuv420p", "codec": "libvpx-vp9", "container": "webm"},
        {"pixel_format": "bgra", "codec": "rawvideo", "container": "nut"},
        {"pixel_format": "yuv444p", "codec": "ffv1", "container": "matroska"},
    ],
    ids=lambda encoding: "-".join(str(value) for value in encoding.values() if isinstance(value, str)),
)
def test_colours_are_right_in_every_pixel_format(encoding: dict[str, object]) -> None:
    frame = decoded(demuxed(solid(2, ORANGE), **encoding))[0]
    assert np.abs(frame.picture.bgr()[24, 32].astype(int) - ORANGE).max() <= 5
    assert np.abs(frame.picture.resized(20, 10)[5, 10].astype(int) - ORANGE).max() <= 5


@pytest.mark.parametrize("pixel_format", ["gray", "gray16be"])
@pytest.mark.parametrize("level", [0, 90, 255])
def test_grey_pictures_have_three_equal_channels(pixel_format: str, level: int) -> None:
    frames = decoded(demuxed(solid(1, (level,) * 3), pixel_format=pixel_format, codec="png", container="mov"))
    assert np.abs(frames[0].picture.bgr().astype(int) - level).max() <= 1


def raw(yuv: tuple[int, int, int], matrix: int, range_: int, height: int = 48) -> list[Packet]:
    planes = [np.full((height, 64), level, np.uint8).tobytes() for level in yuv]
    payload = av.Packet(b"".join(planes))
    payload.pts = 0
    info = StreamInfo("rawvideo", 64, height, Fraction(1, 25), None, "yuv444p", color_matrix=matrix, color_range=range_)
    return [Packet("door", info, 0, 0, True, payload.size, 0.0, payload)]


@pytest.mark.parametrize(
    ("yuv", "matrix", "range_", "height", "bgr"),
    [
        ((63, 102, 240), 1, 1, 48, (0, 0, 255)),  # red in BT.709, limited range
        ((81, 90, 240), 5, 1, 48, (0, 0, 255)),  # red in BT.601
        ((81, 90, 240), 6, 1, 48, (0, 0, 255)),
        ((76, 85, 255), 5, 2, 48, (0, 0, 255)),  # red in BT.601, full range (JPEG)
        ((81, 90, 240), 2, 0, 48, (0, 0, 255)),  # unmarked and small: BT.601
        ((63, 102, 240), 2, 0, 720, (0, 0, 255)),  # unmarked and HD: BT.709
        ((235, 128, 128), 1, 1, 48, (255, 255, 255)),
        ((16, 128, 128), 1, 1, 48, (0, 0, 0)),
    ],
)
def test_matrix_and_range(
    yuv: tuple[int, int, int], matrix: int, range_: int, height: int, bgr: tuple[int, int, int]
) -> None:
    frame = decoded(raw(yuv, matrix, range_, height))[0]
    assert np.abs(frame.picture.bgr()[5, 5].astype(int) - bgr).max() <= 4


@pytest.mark.parametrize("matrix", range(20))
def test_matrices_that_a_damaged_header_names_do_no_harm(matrix: int) -> None:
    picture = decoded(raw((81, 90, 240), matrix, 1))[0].picture
    assert picture.bgr()[5, 5, 2] > 200
    assert picture.resized(9, 9)[5, 5, 2] > 200


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_pictures_stand_upright(rotation: int) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24, :32] = 255  # white at the top left
    packets = demuxed([picture])
    turned = replace(packets[0].stream, rotation=rotation)
    frame = decoded([replace(packet, stream=turned) for packet in packets])[0]

    expected = np.rot90(picture, -rotation // 90)
    assert frame.size == (expected.shape[1], expected.shape[0])
    assert np.abs(frame.picture.bgr().astype(int) - expected).mean() < 4
    small = frame.picture.resized(frame.size[0] // 2, frame.size[1] // 2)
    assert np.abs(small.astype(int) - expected[::2, ::2]).mean() < 12


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (33, 17), (641, 359), (7680, 4320)])
@pytest.mark.parametrize("pixel_format", ["yuvj420p", "rgb24"])
def test_odd_sizes(size: tuple[int, int], pixel_format: str) -> None:
    codec = "mjpeg" if pixel_format == "yuvj420p" else "png"
    packets = demuxed(solid(1, ORANGE, *size), codec=codec, pixel_format=pixel_format, container="mov")
    picture = decoded(packets)[0].picture

    assert picture.bgr().shape == (size[1], size[0], 3)
    assert np.abs(picture.bgr()[-1, -1].astype(int) - ORANGE).max() <= 4
    small = picture.resized(416, 234)
    assert small.shape == (234, 416, 3)
    assert np.abs(small[100, 200].astype(int) - ORANGE).max() <= 6
    assert picture.resized(1, 1).shape == (1, 1, 3)


def test_pictures_are_read_only_and_made_once() -> None:
    picture = decoded(demuxed(moving_square(1)))[0].picture
    assert picture.bgr() is picture.bgr()
    assert picture.resized(160, 120) is picture.bgr()
    assert not picture.bgr().flags.writeable
    assert not picture.resized(50, 50).flags.writeable


def test_pictures_outlive_their_decoder() -> None:
    decoder = Decoder("door")
    frames = decoded(demuxed(moving_square(6)), decoder)
    del decoder
    gc.collect()
    assert np.abs(frames[2].picture.bgr().astype(int) - moving_square(6)[2]).mean() < 4


def test_damaged_file_from_end_to_end(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    encode_clip(buffer, moving_square(40), gop=10, container="mpegts")
    damaged = bytearray(buffer.getvalue())
    for place in range(3000, len(damaged), 1700):
        damaged[place : place + 40] = bytes(40)
    with av.open(io.BytesIO(bytes(damaged))) as container:
        stream = container.streams.video[0]
        info = StreamInfo("h264", 160, 120, stream.time_base or Fraction(1), None, "yuv420p")
        packets = [
            Packet("door", info, payload.pts, payload.dts, payload.is_keyframe, payload.size, 0.0, payload)
            for payload in container.demux(stream)
            if payload.size and payload.pts is not None
        ]
    frames = decoded(packets)
    times = [frame.camera_time_s for frame in frames]
    assert times == sorted(set(times))
    assert len(frames) > 5


@pytest.mark.parametrize("bframes", [0, 2])
def test_a_key_frame_alone_comes_out_at_once(bframes: int) -> None:
    pictures = moving_square(20)
    packets = demuxed(pictures, gop=5, bframes=bframes)
    decoder = Decoder("door")

    alone = [decoder.decode_alone(packet) for packet in packets if packet.is_key]

    assert [[round(frame.camera_time_s * 25) for frame in frames] for frames in alone] == [[0], [5], [10], [15]]
    for frames, picture in zip(alone, pictures[::5], strict=True):
        assert np.abs(frames[0].picture.bgr().astype(int) - picture).mean() < 4
    assert decoder.decode(packets[1]) == []
    assert decoder.counters["skipped"] == 1, "what needs the frames before it can not follow"


def test_frames_held_back_come_before_the_key_frame_alone() -> None:
    packets = demuxed(moving_square(10), gop=5, bframes=2)
    decoder = Decoder("door")
    second = [packet.is_key for packet in packets].index(True, 1)
    frames = [frame for packet in packets[:second] for frame in decoder.decode(packet)]

    frames += decoder.decode_alone(packets[second])

    assert [round(frame.camera_time_s * 25) for frame in frames] == list(range(6))


@pytest.mark.parametrize("bframes", [0, 2])
def test_restart_goes_back_and_leaves_out_what_is_known(bframes: int) -> None:
    packets = demuxed(moving_square(15), gop=5, bframes=bframes)
    keys = [index for index, packet in enumerate(packets) if packet.is_key]
    decoder = Decoder("door")
    for key in keys:
        decoder.decode_alone(packets[key])
    known_s = packets[keys[1]].camera_time_s
    assert known_s is not None

    decoder.restart(known_s)
    frames = decoded(packets[keys[1] :], decoder)

    assert [round(frame.camera_time_s * 25) for frame in frames] == list(range(6, 15))
    assert decoder.counters["known"] == 1
    assert decoder.counters["out of order"] == 0


def test_grey_is_the_luminance() -> None:
    grey = decoded(demuxed(solid(1, (40, 40, 40))))[0].picture.grey(16, 9)
    assert grey.shape == (9, 16)
    assert grey.dtype == np.uint8
    assert np.abs(grey.astype(int) - 40).max() <= 4
