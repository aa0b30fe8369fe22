from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import av
import pytest

from clips import encode_clip, moving_square
from filming import film
from watchpost.clock import ManualClock
from watchpost.serving.transcoder import Coding, transcoded
from watchpost.sources import open_source
from watchpost.types import AudioStream
from watchpost.video.timestamps import mended


@pytest.mark.parametrize("codec", ["libx265", "mpeg4", "mjpeg"])
def test_other_codecs_become_h264(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "clip.mkv"
    encode_clip(
        path, moving_square(30), fps=10, codec=codec, pixel_format="yuvj420p" if codec == "mjpeg" else "yuv420p"
    )
    packets = list(mended(open_source(str(path), "gate", None, ManualClock()).packets()))
    made = list(transcoded(packets, Coding(key_every_s=1.0)))
    assert len(made) == 30
    assert {each.stream.codec for each in made} == {"h264"}
    assert [each.camera_time_s for each in made] == pytest.approx([each.camera_time_s for each in packets], abs=0.001)
    assert [number for number, each in enumerate(made) if each.is_key] == [0, 10, 20]
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = made[0].stream.extradata
    frames = [frame for each in made for frame in decoder.decode(each.payload)] + decoder.decode(None)
    assert len(frames) == 30
    assert abs(frames[29].to_ndarray(format="gray").mean() - moving_square(30)[29].mean()) < 12


def test_a_damaged_picture_is_left_out_and_a_new_size_opens_a_new_stream() -> None:
    first, second = film(10), film(10, size=(96, 64), start_s=1.0)
    broken = av.Packet(b"\x00\x00\x01\x41garbage")
    first[4] = dataclasses.replace(first[4], payload=broken)
    made = list(transcoded([*first, *second]))
    assert 17 <= len(made) <= 20
    streams = list(dict.fromkeys(each.stream for each in made))
    assert [(each.width, each.height) for each in streams] == [(64, 48), (96, 64)]


def test_sound_becomes_aac_in_time() -> None:
    g711 = AudioStream("pcm_alaw", 8000, 1, Fraction(1, 8000))
    made = list(transcoded(film(30, sound=g711, start_s=20.0)))
    stream = made[0].stream.audio
    assert stream is not None
    assert (stream.codec, stream.sample_rate, stream.channels) == ("aac", 8000, 1)
    heard = [each for packet in made for each in packet.audio]
    assert len(heard) >= 20
    first_s = float(heard[0].pts * stream.time_base)
    assert first_s == pytest.approx(20.0, abs=0.15)
    assert float(heard[-1].pts * stream.time_base) - first_s == pytest.approx(2.7, abs=0.4)
