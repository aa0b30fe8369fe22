from __future__ import annotations

import dataclasses
import io
from fractions import Fraction
from pathlib import Path

import av
import pytest

from filming import film
from watchpost.errors import TargetError
from watchpost.mp4 import parameter_sets
from watchpost.serving.remuxer import Carries, Remuxer, StreamChangedError
from watchpost.types import AudioPacket, AudioStream, Packet

BOTH = frozenset({"h264", "hevc"})
SOUND = frozenset({"aac", "pcm_alaw"})


def written(packets: list[Packet], container: str, audio: frozenset[str] = SOUND) -> tuple[bytes, Remuxer]:
    out = io.BytesIO()
    remuxer = Remuxer(lambda: av.open(out, "w", format=container), Carries(container, BOTH, audio), "target")
    for packet in packets:
        remuxer.write(packet)
    remuxer.close()
    return out.getvalue(), remuxer


def units(data: bytes, *, has_lengths: bool) -> list[bytes]:
    """The units of pictures, without parameter sets and delimiters that a container may add."""
    if not has_lengths:
        found = [bytes(each) for each in parameter_sets.units(data)]
    else:
        found, at = [], 0
        while at < len(data):
            end = at + 4 + int.from_bytes(data[at : at + 4], "big")
            found.append(data[at + 4 : end])
            at = end
    return [each for each in found if each[0] & 31 in (1, 5)]


@pytest.mark.parametrize("container", ["mp4", "flv", "mpegts", "matroska"])
@pytest.mark.parametrize("bframes", [0, 2])
def test_pictures_come_through_untouched_with_their_times(container: str, bframes: int) -> None:
    packets = film(25, bframes=bframes)
    data, remuxer = written(packets, container)
    with av.open(io.BytesIO(data)) as file:
        back = [each for each in file.demux(video=0) if each.size]
        has_lengths = container != "mpegts"
        assert len(back) == remuxer.frames == 25
        for before, after in zip(packets, back, strict=True):
            sent = units(bytes(before.payload), has_lengths=False)  # type: ignore[call-overload]
            assert units(bytes(after), has_lengths=has_lengths) == sent
            assert after.is_keyframe == before.is_key
        times = [float(each.pts * each.time_base) for each in back]
        wanted = [packet.camera_time_s for packet in packets]
        begin = times[0] - wanted[0]  # type: ignore[operator]
        assert [each - begin for each in times] == pytest.approx(wanted, abs=0.002)


def test_pictures_of_h265() -> None:
    data, _ = written(film(12, codec="libx265"), "mp4")
    with av.open(io.BytesIO(data)) as file:
        assert file.streams.video[0].codec_context.name == "hevc"
        assert len(list(file.decode(video=0))) == 12


def test_it_begins_with_a_key_frame_at_time_0() -> None:
    data, _ = written(film(25, start_s=500.0)[3:], "mp4")
    with av.open(io.BytesIO(data)) as file:
        frames = list(file.decode(video=0))
        assert len(frames) == 15
        assert frames[0].time == 0


def test_sound_goes_along_in_time() -> None:
    g711 = AudioStream("pcm_alaw", 8000, 1, Fraction(1, 8000))
    data, _ = written(film(20, sound=g711, start_s=30.0), "mov")
    with av.open(io.BytesIO(data)) as file:
        heard = [each for each in file.demux(audio=0) if each.size]
        assert sum(each.size for each in heard) >= 38 * 400
        assert float(heard[0].pts * heard[0].time_base) == pytest.approx(0, abs=0.06)
        assert float(heard[-1].pts * heard[-1].time_base) == pytest.approx(1.9, abs=0.1)
    data, remuxer = written(film(20, sound=g711), "mp4", frozenset({"aac"}))
    assert remuxer.left_out == "pcm_alaw"
    with av.open(io.BytesIO(data)) as file:
        assert not file.streams.audio


def test_sound_that_its_first_packet_describes_is_waited_for() -> None:
    stream = AudioStream("aac", 16_000, 1, Fraction(1, 16_000))  # no extradata: ADTS headers
    frame = bytes((0xFF, 0xF1, 0x60, 0x40, 0x03, 0x1F, 0xFC)) + bytes(18)
    packets = [
        dataclasses.replace(
            packet,
            stream=dataclasses.replace(packet.stream, audio=stream) if number == 0 else packet.stream,
            audio=(AudioPacket(round(number * 1600), av.Packet(frame)),) if number > 2 else (),
        )
        for number, packet in enumerate(film(20))
    ]
    shared = packets[0].stream
    packets = [dataclasses.replace(packet, stream=shared) for packet in packets]
    data, remuxer = written(packets, "mp4")
    with av.open(io.BytesIO(data)) as file:
        assert file.streams.audio[0].codec_context.name == "aac"
        assert len([each for each in file.demux(video=0) if each.size]) == remuxer.frames == 20


def test_the_callers_packets_are_left_as_they_are() -> None:
    packets = film(10)
    before = [(each.payload.pts, each.payload.time_base, bytes(each.payload)) for each in packets]  # type: ignore
    written(packets, "mpegts")
    assert [(each.payload.pts, each.payload.time_base, bytes(each.payload)) for each in packets] == before  # type: ignore


def test_another_picture_needs_another_file() -> None:
    remuxer = Remuxer(lambda: av.open(io.BytesIO(), "w", format="mp4"), Carries("mp4", BOTH, SOUND), "target")
    for packet in film(10):
        remuxer.write(packet)
    with pytest.raises(StreamChangedError):
        remuxer.write(film(10, size=(96, 48), start_s=1.0)[0])
    remuxer.close()


def test_a_codec_that_does_not_fit_is_told() -> None:
    remuxer = Remuxer(
        lambda: av.open(io.BytesIO(), "w", format="flv"), Carries("flv", BOTH, SOUND), "rtmp://h/live/***"
    )
    stream = dataclasses.replace(film(1)[0].stream, codec="vp9")
    with pytest.raises(TargetError, match="carries h264 and hevc, not vp9") as error:
        remuxer.write(dataclasses.replace(film(1)[0], stream=stream))
    assert error.value.permanent


def test_what_can_not_be_opened_is_one_line(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "no" / "film.mp4")
    remuxer = Remuxer(lambda: av.open(nowhere, "w", format="mp4"), Carries("mp4", BOTH, SOUND), nowhere)
    with pytest.raises(TargetError, match="no such folder"):
        remuxer.write(film(1)[0])
    remuxer.abandon()
