"""A camera's sound goes with its pictures, into the recording."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from watchpost.clock import ManualClock
from watchpost.recordings.archive import Archive
from watchpost.recordings.writer import CameraWriter, Lengths
from watchpost.sources import _av
from watchpost.types import Packet
from watchpost.video.timestamps import mended

SECONDS = 6


def film(path: Path, codec: str, rate: int, container: str) -> None:
    """A tone beside pictures, both beginning 100 s into the stream's time."""
    with av.open(path, "w", format=container) as output:
        video = output.add_stream("libx264", rate=10, options={"preset": "ultrafast", "g": "10", "bf": "0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = output.add_stream(codec, rate=rate, layout="mono")
        samples = audio.codec_context.frame_size or 1024
        played = 0
        for index in range(SECONDS * 10):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index, np.uint8), format="rgb24")
            picture.pts, picture.time_base = 1000 + index, Fraction(1, 10)
            output.mux(video.encode(picture))
            while played < (index + 1) * rate // 10:
                tone = np.sin(np.arange(played, played + samples) * 2 * np.pi * 440 / rate)
                chunk = av.AudioFrame.from_ndarray((tone[None] * 9000).astype(np.int16), format="s16", layout="mono")
                chunk.sample_rate, chunk.pts, chunk.time_base = rate, 100 * rate + played, Fraction(1, rate)
                output.mux(audio.encode(chunk))
                played += samples
        output.mux(video.encode(None))
        output.mux(audio.encode(None))


def packets(path: Path) -> Iterator[Packet]:
    container, video = _av.open_input(str(path), str(path))
    with container:
        sound = _av.Sound.of(container)
        assert sound is not None
        info = _av.stream_info(video, is_live=True, sound=sound)
        for payload in _av.demux(container, video, str(path), sound):
            yield _av.to_packet(payload, info, "gate", ManualClock(), sound)


@pytest.mark.parametrize(
    ("codec", "rate", "container"),
    [
        ("aac", 16_000, "mpegts"),
        ("aac", 44_100, "flv"),
        ("aac", 48_000, "mp4"),
        ("pcm_alaw", 8000, "mov"),
        ("pcm_mulaw", 8000, "mov"),
        ("libopus", 48_000, "matroska"),
        ("libmp3lame", 44_100, "mpegts"),
    ],
)
def test_the_sound_is_heard_again_where_it_was(tmp_path: Path, codec: str, rate: int, container: str) -> None:
    source = tmp_path / "source"
    film(source, codec, rate, container)
    archive = Archive(tmp_path)
    writer = CameraWriter("gate", archive, ManualClock(), Lengths(segment_s=60, fragment_s=1))
    for packet in mended(packets(source)):
        writer.add(packet)
    writer.finish()
    row = archive.index.segments()[-1]
    assert row.audio == {"libopus": "opus", "libmp3lame": "mp3"}.get(codec, codec)
    data = archive.path(row).read_bytes()
    with av.open(io.BytesIO(data)) as file:
        heard = [(frame.time, frame.samples) for frame in file.decode(audio=0)]
    total_s = sum(samples for _, samples in heard) / rate
    recorded_s = row.last_camera_time_s - row.first_camera_time_s
    assert total_s == pytest.approx(recorded_s, abs=0.5)
    assert heard[0][0] == pytest.approx(0, abs=0.3)
    assert heard[-1][0] == pytest.approx(recorded_s, abs=0.5)
    archive.close()
