from __future__ import annotations

import subprocess
import sys

import av
import numpy as np
import pytest

from watchpost.errors import WatchpostError
from watchpost.video.encoder import VideoWriter


def plain(width, height, value=(90, 90, 90)):
    return np.full((height, width, 3), value, np.uint8)


def read(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.codec_context, list(container.decode(stream))


def test_writes_h264_with_the_cameras_own_uneven_times(tmp_path):
    times = [100.0, 100.04, 100.5, 100.52, 103.0]
    with VideoWriter(tmp_path / "out.mp4") as writer:
        for time_s in times:
            writer.write(plain(64, 48), time_s)
    codec, frames = read(tmp_path / "out.mp4")
    assert codec.name == "h264"
    assert codec.pix_fmt == "yuv420p"
    assert [frame.time for frame in frames] == pytest.approx([time - 100 for time in times], abs=1e-3)
    assert writer.frames == 5
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_colours_come_back_and_are_tagged_bt709(tmp_path):
    with VideoWriter(tmp_path / "red.mp4") as writer:
        writer.write(plain(64, 48, (30, 40, 220)), 0.0)
    codec, frames = read(tmp_path / "red.mp4")
    assert (codec.colorspace, codec.color_primaries, codec.color_trc, codec.color_range) == (1, 1, 1, 1)
    back = frames[0].reformat(format="bgr24", src_colorspace="ITU709", dst_color_range="JPEG").to_ndarray()
    assert np.abs(back.mean(axis=(0, 1)) - (30, 40, 220)).max() < 4


def test_a_clock_that_restarts_goes_on_where_it_was(tmp_path):
    with VideoWriter(tmp_path / "out.mp4") as writer:
        for time_s in (50.0, 50.1, 50.2, 0.0, 0.1, 0.1):
            writer.write(plain(64, 48), time_s)
    _, frames = read(tmp_path / "out.mp4")
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.4], abs=1e-3)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1, 1), (16, 16)), ((17, 33), (18, 34)), ((641, 361), (642, 362)), ((640, 360), (640, 360))],
)
def test_odd_sizes_become_even(tmp_path, size, expected):
    with VideoWriter(tmp_path / "out.mp4") as writer:
        writer.write(plain(*size), 0.0)
    _, frames = read(tmp_path / "out.mp4")
    assert (frames[0].width, frames[0].height) == expected


def test_a_change_of_size_is_letterboxed_into_the_first(tmp_path):
    with VideoWriter(tmp_path / "out.mp4") as writer:
        writer.write(plain(320, 180), 0.0)
        writer.write(plain(180, 320, (200, 200, 200)), 0.1)
        writer.write(plain(1280, 720), 0.2)
    _, frames = read(tmp_path / "out.mp4")
    assert {(frame.width, frame.height) for frame in frames} == {(320, 180)}
    tall = frames[1].to_ndarray(format="gray")
    assert tall[90, 160] > 180
    assert tall[90, 20] < 40


def test_until_it_is_closed_there_is_no_file_of_that_name(tmp_path):
    path = tmp_path / "out.mp4"
    writer = VideoWriter(path)
    writer.write(plain(64, 48), 0.0)
    assert not path.exists()
    assert (tmp_path / "out.mp4.part").exists()
    writer.close()
    writer.close()
    assert path.exists()
    with pytest.raises(WatchpostError, match="is closed"):
        writer.write(plain(64, 48), 1.0)


def test_without_a_picture_there_is_no_file(tmp_path):
    VideoWriter(tmp_path / "out.mp4").close()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_program_leaves_a_part_that_plays(tmp_path):
    script = """
import os, sys, numpy as np
from watchpost.video.encoder import VideoWriter
writer = VideoWriter(sys.argv[1])
for i in range(200):
    writer.write(np.full((48, 64, 3), i, np.uint8), i / 25)
os.kill(os.getpid(), 9)
"""
    path = tmp_path / "out.mp4"
    killed = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert killed.returncode == -9
    assert not path.exists()
    _, frames = read(tmp_path / "out.mp4.part")
    assert len(frames) >= 120


@pytest.mark.parametrize("name", ["out.xyz", "out", "out.avi"])
def test_an_unknown_suffix_says_what_to_write(tmp_path, name):
    with pytest.raises(WatchpostError, match=r"name that ends in \.mp4"):
        VideoWriter(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_and_a_folder_are_refused(tmp_path):
    with pytest.raises(WatchpostError, match="is no folder; create it"):
        VideoWriter(tmp_path / "missing" / "out.mp4")
    (tmp_path / "dir.mp4").mkdir()
    with pytest.raises(WatchpostError, match="is a folder; name a file in it"):
        VideoWriter(tmp_path / "dir.mp4")


def test_a_place_that_refuses_writing_is_named_at_once():
    with pytest.raises(WatchpostError, match=r"/proc/out\.mp4 can not be written"):
        VideoWriter("/proc/out.mp4")


def test_a_full_disk_is_a_clear_error(tmp_path, monkeypatch):
    writer = VideoWriter(tmp_path / "out.mp4")
    writer.write(plain(64, 48), 0.0)

    def full(_frame):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_mux", full)
    with pytest.raises(WatchpostError, match="No space left on device; check the space left"):
        writer.write(plain(64, 48), 0.1)
    writer.close()
