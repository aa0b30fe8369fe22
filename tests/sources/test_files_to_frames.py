"""Odd and damaged files, through source, timestamp filter and decoder: frames, or one clear line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from clips import encode_clip, moving_square
from watchpost.clock import ManualClock
from watchpost.errors import SourceError
from watchpost.sources import open_source
from watchpost.types import Frame
from watchpost.video.decoder import Decoder
from watchpost.video.timestamps import mended

COUNT = 20


def frames_of(path: Path) -> list[Frame]:
    decoder = Decoder("door")
    packets = mended(open_source(str(path), "door", None, ManualClock()).packets())
    frames = [frame for packet in packets for frame in decoder.decode(packet)] + decoder.flush()
    times = [frame.camera_time_s for frame in frames]
    assert times == sorted(set(times))
    return frames


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("clip.mp4", {}),
        ("clip.mp4", {"bframes": 3, "gop": 12}),
        ("clip.mov", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
        ("clip.mkv", {"bframes": 2}),
        ("clip.ts", {"bframes": 2}),
        ("clip.flv", {}),
        ("clip.avi", {"codec": "mjpeg", "pixel_format": "yuvj420p"}),
        ("clip.avi", {"codec": "mpeg4", "gop": 10}),
        ("clip.webm", {"codec": "libvpx-vp9"}),
        ("clip.webm", {"codec": "libvpx"}),
        ("clip.mp4", {"codec": "libsvtav1"}),
        ("clip.h264", {"container": "h264"}),
        ("clip.h264", {"container": "h264", "bframes": 2}),
        ("clip.hevc", {"container": "hevc", "codec": "libx265", "options": {"x265-params": "log-level=none"}}),
        ("clip.mjpeg", {"container": "mjpeg", "codec": "mjpeg", "pixel_format": "yuvj420p"}),
        ("clip.gif", {"codec": "gif", "pixel_format": "rgb8"}),
        ("clip.mpg", {"container": "mpeg", "codec": "mpeg2video", "gop": 10}),
        ("clip.wmv", {"container": "asf", "codec": "wmv2"}),
        ("no-suffix", {"container": "mp4"}),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.get("codec", "")),
)
def test_every_common_kind_of_file(tmp_path: Path, name: str, encoding: dict[str, object]) -> None:
    pictures = moving_square(COUNT)
    encode_clip(tmp_path / name, pictures, **encoding)  # type: ignore[arg-type]

    frames = frames_of(tmp_path / name)

    assert len(frames) == COUNT
    times = [frame.camera_time_s for frame in frames]
    assert times == pytest.approx([index / 25 for index in range(COUNT)], abs=0.011)  # GIF counts 1/100 s
    tolerance = 20 if name == "clip.gif" else 5  # its 256 colours are dithered
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.abs(frame.picture.bgr().astype(int) - picture).mean() < tolerance


def test_variable_frame_rate(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.1, 0.5, 0.54, 1.2, 4.0, 4.01, 17.0, 17.5]
    encode_clip(tmp_path / "uneven.mp4", moving_square(len(times)), times_s=times)
    assert [frame.camera_time_s for frame in frames_of(tmp_path / "uneven.mp4")] == pytest.approx(times, abs=0.001)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_video_stands_upright(tmp_path: Path, degrees: int) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24, :32] = 255
    encode_clip(tmp_path / "turned.mp4", [picture] * 3, rotation=degrees)
    expected = np.rot90(picture, -degrees // 90)
    for frame in frames_of(tmp_path / "turned.mp4"):
        assert np.abs(frame.picture.bgr().astype(int) - expected).mean() < 4


@pytest.mark.parametrize("size", [(2, 2), (18, 34), (322, 182), (1922, 1082)])
def test_sizes_that_are_no_multiple_of_a_block(tmp_path: Path, size: tuple[int, int]) -> None:
    encode_clip(tmp_path / "odd.mp4", moving_square(2, *size, side=2))
    assert {frame.size for frame in frames_of(tmp_path / "odd.mp4")} == {size}


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts", "avi", "flv", "h264"])
@pytest.mark.parametrize("seed", range(6))
def test_damaged_files(tmp_path: Path, container: str, seed: int) -> None:
    path = tmp_path / "clip"
    encode_clip(path, moving_square(COUNT), gop=5, container=container)
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    for place in random.integers(0, len(data), 12):
        data[place] ^= int(random.integers(1, 256))
    if seed % 2:
        del data[int(len(data) * random.uniform(0.1, 1)) :]
    path.write_bytes(data)
    try:
        frames = frames_of(path)
    except SourceError as error:
        message = str(error)  # frames or an error, as the damage has it
        assert str(path) in message
        assert "\n" not in message
    else:
        assert len(frames) <= COUNT + 2


def test_streams_that_appear_on_the_way_are_left_out(tmp_path: Path) -> None:
    for number in (1, 2):
        with av.open(str(tmp_path / f"{number}.ts"), "w") as output:
            streams = [output.add_stream("mpeg2video", rate=25, options={"g": "5"}) for _ in range(number)]
            for stream in streams:
                stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for index in range(COUNT):
                for stream in streams:
                    frame = av.VideoFrame(64, 48, "yuv420p")
                    frame.pts, frame.time_base = index + (number - 1) * COUNT, Fraction(1, 25)
                    output.mux(stream.encode(frame))
            for stream in streams:
                output.mux(stream.encode(None))
    joined = tmp_path / "joined.ts"
    joined.write_bytes((tmp_path / "1.ts").read_bytes() + (tmp_path / "2.ts").read_bytes())
    assert COUNT * 2 - 5 <= len(frames_of(joined)) <= COUNT * 2
