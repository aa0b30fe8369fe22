"""Masked parts are black in every picture, the rest is as it was, and what can not be masked is not shown."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from clips import encode_clip, solid
from filming import G711, film
from watchpost.geometry import points_in_polygon
from watchpost.types import BGR, Frame, Packet, StreamInfo
from watchpost.video import mask as mask_module
from watchpost.video.decoder import Decoder
from watchpost.video.mask import MaskError, covered, masked

LEFT = {"neighbour": np.array([[0, 0], [0.5, 0], [0.5, 1], [0, 1]])}
DARK = 40
"""Grey levels, of 255: black as it comes out of the encoder."""


def pictures(packets: list[Packet]) -> list[Frame]:
    decoder = Decoder("gate")
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    return frames + decoder.flush()


def halves(frame: Frame) -> tuple[BGR, BGR]:
    picture = frame.picture.bgr()
    middle = picture.shape[1] // 2
    return picture[:, :middle], picture[:, middle + 4 :]  # next to the edge the encoder mixes


def coded(colour: int, count: int, codec: str, **settings: object) -> list[Packet]:
    """White or grey pictures in another codec, as a source gives them."""
    file = io.BytesIO()
    kind = {"container": "matroska", "codec": codec, "fps": 10, **settings}
    encode_clip(file, solid(count, (colour, colour, colour)), **kind)  # type: ignore[arg-type]
    file.seek(0)
    with av.open(file) as clip:
        video = clip.streams.video[0]
        context = video.codec_context
        base = video.time_base or Fraction(1, 1000)
        stream = StreamInfo(context.name, context.width, context.height, base, extradata=context.extradata)
        return [
            Packet("gate", stream, each.pts, each.dts, each.is_keyframe, each.size, 0.0, each)
            for each in clip.demux(video)
            if each.size
        ]


def test_what_is_masked_is_black_in_every_picture_and_the_rest_is_as_it_was() -> None:
    packets = film(25, start_s=3.0)
    before, after = pictures(packets), pictures(list(masked("gate", packets, LEFT)))
    assert [round(each.camera_time_s, 3) for each in after] == [round(each.camera_time_s, 3) for each in before]
    assert [each.wall_time_s for each in after] == [each.wall_time_s for each in before]
    for was, now in zip(before, after, strict=True):
        assert halves(now)[0].max() < DARK
        assert np.abs(halves(now)[1].astype(int) - halves(was)[1]).mean() < 6
    assert max(halves(each)[0].max() for each in before) > 200, "the bar was there"


def test_the_stream_keeps_its_key_frames_and_its_sound_and_says_that_it_is_h264() -> None:
    packets = film(40, gop=20, sound=G711)
    made = list(masked("gate", packets, LEFT))
    assert [number for number, each in enumerate(made) if each.is_key] == [0, 20]
    assert [each.pts for each in made] == [each.pts for each in packets]
    assert all(each.dts == each.pts for each in made)
    sound = [each.payload for packet in made for each in packet.audio]
    assert sound == [each.payload for packet in packets for each in packet.audio]
    assert {id(each.stream) for each in made} == {id(made[0].stream)}
    stream = made[0].stream
    assert (stream.codec, stream.width, stream.height, stream.is_live) == ("h264", 64, 48, True)
    assert stream.extradata is not None
    assert stream.extradata.startswith(b"\x00\x00\x00\x01\x67")
    assert [getattr(each.payload, "pts", None) for each in made] == [getattr(p.payload, "pts", None) for p in packets]


def test_nothing_of_the_original_is_in_what_comes_out() -> None:
    packets = film(10)
    originals = {bytes(each.payload) for each in packets}  # type: ignore[call-overload]
    for packet in masked("gate", packets, LEFT):
        assert bytes(packet.payload) not in originals  # type: ignore[call-overload]


def test_b_frames_come_out_in_the_order_of_presentation() -> None:
    packets = film(20, bframes=2)
    made = list(masked("gate", packets, LEFT))
    times = [each.pts for each in made]
    assert times == sorted(each.pts or 0 for each in packets)
    assert all(halves(each)[0].max() < DARK for each in pictures(made))


@pytest.mark.parametrize("codec", ["mjpeg", "libx265", "mpeg4"])
def test_any_codec_is_masked(codec: str) -> None:
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    made = list(masked("gate", coded(220, 12, codec, pixel_format=pixel_format), LEFT))
    assert len(made) == 12
    keys = sum(each.is_key for each in made)
    assert keys == (2 if codec == "mjpeg" else 1), "one a second at most, of pictures that are all key frames"
    for each in pictures(made):
        assert halves(each)[0].max() < DARK
        assert halves(each)[1].min() > 180


def test_other_pixel_formats_are_masked() -> None:
    for pixel_format in ("yuv422p", "yuv444p"):
        made = list(masked("gate", coded(220, 3, "libx264", pixel_format=pixel_format), LEFT))
        assert all(halves(each)[0].max() < DARK for each in pictures(made)), pixel_format


def test_a_stream_that_changes_its_size_is_masked_anew() -> None:
    later = [replace(each, pts=(each.pts or 0) + 180_000) for each in film(5, size=(96, 64))]
    made = list(masked("gate", [*film(5), *later], LEFT))
    assert [(each.stream.width, each.stream.height) for each in made] == [(64, 48)] * 5 + [(96, 64)] * 5
    assert all(halves(each)[0].max() < DARK for each in pictures(made))


def test_a_restarted_clock_is_told_with_a_key_frame() -> None:
    first, second = film(5, gop=100), film(5, gop=100, start_s=9.0, is_discontinuous=True)
    second = [replace(each, stream=first[0].stream) for each in second]
    made = list(masked("gate", first + second, LEFT))
    assert [each.is_discontinuous for each in made] == [False] * 5 + [True] + [False] * 4
    assert made[5].is_key


def test_a_picture_that_is_turned_is_masked_where_people_see_it() -> None:
    """90 degrees clockwise: what people see on the left is coded at the bottom."""
    for rotation, expected in ((0, "left"), (90, "bottom"), (180, "right"), (270, "top")):
        blocks = covered(64, 48, LEFT, rotation)
        sides = {
            "left": blocks[:, :14].all() and not blocks[:, 18:].any(),
            "right": blocks[:, 18:].all() and not blocks[:, :14].any(),
            "top": blocks[:10].all() and not blocks[14:].any(),
            "bottom": blocks[14:].all() and not blocks[:10].any(),
        }
        assert [side for side, is_covered in sides.items() if is_covered] == [expected], rotation


def test_every_pixel_that_a_mask_touches_is_covered() -> None:
    triangle = np.array([[0.111, 0.2], [0.803, 0.35], [0.437, 0.911]])
    blocks = covered(305, 235, {"a": triangle})
    fine = blocks.repeat(2, 0).repeat(2, 1)[:235, :305]
    x, y = np.meshgrid((np.arange(1220) + 0.5) / 1220, (np.arange(940) + 0.5) / 940)
    inside = points_in_polygon(np.stack([x.ravel(), y.ravel()], 1), triangle).reshape(940, 1220)
    touched = inside.reshape(235, 4, 305, 4).any(axis=(1, 3))
    assert fine[touched].all()
    assert fine.sum() < touched.sum() * 1.15, "and not much more"


def test_packets_that_can_not_be_decoded_are_left_out_and_many_of_them_end_the_camera(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mask_module, "_MOST_FRUITLESS", 6)
    packets = film(20, codec="libx265")
    broken = [replace(each, payload=_noise(each)) for each in packets]
    assert len(list(masked("gate", [*packets[:5], *broken[5:8]], LEFT))) <= 5
    with pytest.raises(MaskError, match="not shown"):
        list(masked("gate", [packets[0], *broken[1:]], LEFT))


def _noise(packet: Packet) -> av.Packet:  # type: ignore[type-arg]
    noise = av.Packet(b"\x00\x00\x00\x01" + bytes(range(255, 0, -1)))
    noise.pts = noise.dts = packet.pts
    return noise


def test_a_codec_that_is_not_known_ends_the_camera() -> None:
    packets = [replace(each, stream=replace(each.stream, codec="never heard of")) for each in film(3)]
    with pytest.raises(MaskError, match="can not be masked"):
        list(masked("gate", packets, LEFT))


def test_a_fault_in_the_masking_lets_nothing_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr(mask_module._Cover, "blacken", fail)
    got: list[Packet] = []
    with pytest.raises(MaskError, match="not shown"):
        got.extend(masked("gate", film(3), LEFT))
    assert got == []
