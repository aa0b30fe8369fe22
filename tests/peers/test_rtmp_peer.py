"""RTMP against ffmpeg as a publishing server."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import pytest
from real_servers import needs

from clips import encode_clip, loop_clip, moving_square
from watchpost.clock import SystemClock
from watchpost.errors import SourceError
from watchpost.sources import open_source
from watchpost.types import Packet

pytestmark = pytest.mark.peer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_pictures_come_through_and_the_end_is_a_loss(tmp_path: Path) -> None:
    ffmpeg = needs("ffmpeg")
    encode_clip(tmp_path / "short.mp4", moving_square(50), gop=10)
    loop_clip(tmp_path / "short.mp4", tmp_path / "long.mp4", 6)
    address = f"rtmp://127.0.0.1:{free_port()}/live/yard"
    command = [ffmpeg, "-v", "error", "-re", "-i", str(tmp_path / "long.mp4"), "-c", "copy", "-f", "flv"]
    with subprocess.Popen([*command, "-listen", "1", address]) as publisher:
        taken: list[Packet] = []
        deadline = time.monotonic() + 15
        while not taken:
            assert time.monotonic() < deadline
            try:
                for packet in open_source(address, "yard", None, SystemClock()).packets():
                    taken.append(packet)
                    if len(taken) == 60:
                        publisher.kill()
            except SourceError as error:  # refused until ffmpeg listens, lost after it was killed
                assert not error.permanent  # noqa: PT017 - whether one is raised is not the question
                time.sleep(0.1)
    assert len(taken) >= 60
    assert taken[0].stream.is_live
    assert taken[0].stream.codec == "h264"
    times = [packet.camera_time_s or 0.0 for packet in taken[:60]]
    assert times[59] - times[0] == pytest.approx(59 / 25, abs=0.05)
