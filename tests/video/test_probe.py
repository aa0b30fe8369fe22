"""What `analyse` says of clips whose making is known."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator
from fractions import Fraction

import av
import pytest

from clips import encode_clip, moving_square
from watchpost.clock import ManualClock
from watchpost.errors import SourceError
from watchpost.sources import _av
from watchpost.types import Packet, StreamInfo
from watchpost.video.probe import ProbeReport, analyse, level_name


def packets_of(data: bytes) -> Iterator[Packet]:
    """Packets as a source gives them: their container is closed after the last."""
    with av.open(io.BytesIO(data)) as opened:
        stream = opened.streams.video[0]
        info = _av.stream_info(stream, is_live=False)
        yield from (_av.to_packet(p, info, "cam", ManualClock()) for p in opened.demux(stream) if p.size)


def probe_clip(count: int, **settings: object) -> ProbeReport:
    file = io.BytesIO()
    encode_clip(file, moving_square(count), container="mp4", **settings)  # type: ignore[arg-type]
    return analyse(packets_of(file.getvalue()))


def scripted(kinds_pts_dts: list[tuple[str, int | None, int | None]], size: int = 100) -> list[Packet]:
    """Packets of an H.264 stream without extradata: an IDR, P or B slice header each."""
    info = StreamInfo("h264", 64, 48, Fraction(1, 100))
    # first_mb_in_slice 0 (1), slice_type 7 (0001000), 5 (00110), 6 (00111)
    heads = {
        "I": b"\0\0\1\x65" + bytes([0b10001000]),
        "P": b"\0\0\1\x41" + bytes([0b10011000]),
        "B": b"\0\0\1\x01" + bytes([0b10011100]),
    }
    return [Packet("cam", info, pts, dts, kind == "I", size, 0.0, heads[kind]) for kind, pts, dts in kinds_pts_dts]


def test_groups_without_b_frames():
    report = probe_clip(40, gop=10)
    assert report.gops.pattern == report.gops.display_pattern == "I" + "P" * 9
    assert report.gops.complete == 3
    assert report.gops.frames is not None
    assert (report.gops.frames.minimum, report.gops.frames.maximum) == (10, 10)
    assert report.gops.seconds is not None
    assert report.gops.seconds.median == pytest.approx(0.4)
    assert report.gops.is_open is False
    assert report.gops.most_b_in_a_row == 0
    assert report.fps_measured == pytest.approx(25)
    assert report.duration_s == pytest.approx(1.6)


def test_groups_with_b_frames_in_both_orders():
    report = probe_clip(40, gop=10, bframes=2, options={"x264-params": "b-pyramid=none:scenecut=0:b-adapt=0"})
    assert report.gops.pattern == "IPBBPBBPBB"
    assert report.gops.display_pattern == "IBBPBBPBBP"
    assert report.gops.most_b_in_a_row == 2
    assert report.gops.is_open is False


def test_an_open_group_is_told():
    report = probe_clip(40, gop=8, bframes=2, options={"x264-params": "open-gop=1:b-adapt=0"})  # 8 % 3: B before I
    assert report.gops.is_open is True


def test_rates_by_type_add_up():
    report = probe_clip(40, gop=10, bframes=2)
    packets = report.packets
    assert sum(rate.frames for rate in report.rates.values()) == packets == 40
    assert sum(rate.share for rate in report.rates.values()) == pytest.approx(1)
    assert sum(rate.kbit_s for rate in report.rates.values()) == pytest.approx(report.kbit_s)


def test_bit_rate_of_known_sizes():
    report = analyse(scripted([("I", 0, 0), ("P", 4, 4), ("P", 8, 8), ("P", 12, 12)], size=1000))
    assert report.duration_s == pytest.approx(0.16)  # four pictures, 40 ms each
    assert report.kbit_s == pytest.approx(4 * 8 / 0.16)
    assert report.rates["P"].share == pytest.approx(0.75)


def test_what_the_container_says():
    report = probe_clip(12)
    assert (report.codec, report.width, report.height) == ("h264", 160, 120)
    assert report.container == "QuickTime / MOV"
    assert report.pixel_format == "yuv420p"
    assert report.colour.range == "limited"
    assert report.colour.matrix == "itu709"
    assert report.profile is not None
    assert report.level is not None
    assert report.audio == ()


def test_audio_is_listed():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        video = output.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = output.add_stream("aac", rate=48000, layout="stereo")
        for index in range(5):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts = index
            output.mux(video.encode(frame))
        sound = av.AudioFrame("fltp", "stereo", 1024)
        sound.sample_rate, sound.pts = 48000, 0
        for plane in sound.planes:
            plane.update(bytes(plane.buffer_size))
        output.mux(audio.encode(sound))
        for stream in (video, audio):
            output.mux(stream.encode(None))
    (found,) = analyse(packets_of(file.getvalue())).audio
    assert (found.codec, found.rate_hz, found.channels) == ("aac", 48000, 2)


def test_timestamps_missing_repeated_backwards_and_uneven():
    report = analyse(
        scripted([("I", 0, 0), ("P", 4, 4), ("P", 4, 4), ("P", None, None), ("P", 12, 3), ("P", 16, 5), ("P", 60, 60)])
    )
    assert report.timestamps.missing == 1
    assert report.timestamps.repeated == 1
    assert report.timestamps.backwards == 2  # the repeated one, and the step back
    assert report.timestamps.is_uneven


def test_no_timestamps_at_all_still_give_a_report():
    report = analyse(scripted([("I", None, None), ("P", None, None), ("I", None, None)]))
    assert report.fps_measured is None
    assert report.kbit_s is None
    assert report.gops.pattern == "IP"
    assert report.timestamps.interval_ms is None


def test_one_group_that_is_not_over():
    report = analyse(scripted([("I", 0, 0), ("P", 4, 4)]))
    assert report.gops.complete == 0
    assert report.gops.frames is None
    assert report.gops.pattern == "IP"
    assert report.gops.is_open is None


def test_no_key_frame_at_all():
    report = analyse(scripted([("P", 0, 0), ("P", 4, 4)]))
    assert report.key_frame_bytes is None
    assert report.gops.complete == 0


def test_a_changed_stream_is_counted():
    packets = scripted([("I", 0, 0), ("P", 4, 4)])
    other = dataclasses.replace(packets[1].stream, width=32)
    report = analyse([packets[0], dataclasses.replace(packets[1], stream=other)])
    assert report.stream_changes == 1


def test_nothing_is_an_error():
    with pytest.raises(SourceError, match="not one video packet came"):
        analyse([])


def test_the_report_becomes_json():
    text = json.dumps(dataclasses.asdict(probe_clip(12)), allow_nan=False)
    assert json.loads(text)["gops"]["pattern"].startswith("I")


@pytest.mark.parametrize(
    ("codec", "level", "name"),
    [("h264", 41, "4.1"), ("h264", 9, "1b"), ("hevc", 123, "4.1"), ("h264", -99, None), ("mpeg4", 5, "5")],
)
def test_levels_are_written_as_the_standards_do(codec, level, name):
    assert level_name(codec, level) == name
