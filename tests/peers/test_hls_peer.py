"""HLS as ffmpeg cuts it, from a plain web server."""

from __future__ import annotations

import functools
import http.server
import itertools
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_servers import needs

from clips import encode_clip, loop_clip, moving_square
from watchpost.clock import SystemClock
from watchpost.sources import open_source
from watchpost.types import Packet
from watchpost.video.timestamps import mended

pytestmark = pytest.mark.peer


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    encode_clip(tmp_path / "short.mp4", moving_square(50), gop=25)
    loop_clip(tmp_path / "short.mp4", tmp_path / "long.mp4", 20)
    return tmp_path / "long.mp4"


def hls(clip: Path, *options: str) -> list[str]:
    target = ["-f", "hls", "-hls_time", "1", *options, str(clip.parent / "yard.m3u8")]
    return [needs("ffmpeg"), "-v", "error", "-re", "-i", str(clip), "-c", "copy", *target]


def test_a_finished_playlist_is_a_film(clip: Path, web: str) -> None:
    command = [part for part in hls(clip, "-hls_list_size", "0", "-hls_playlist_type", "vod") if part != "-re"]
    subprocess.run(command, check=True)
    started = time.monotonic()
    taken = list(open_source(f"{web}/yard.m3u8", "yard", None, SystemClock()).packets())
    assert len(taken) >= 500
    assert not taken[0].stream.is_live
    assert time.monotonic() - started < 10


def test_a_growing_playlist_is_live_and_evenly_paced(clip: Path, web: str) -> None:
    with subprocess.Popen(hls(clip, "-hls_list_size", "4", "-hls_flags", "delete_segments")) as writer:
        try:
            deadline = time.monotonic() + 15
            while not (clip.parent / "yard.m3u8").exists():
                assert time.monotonic() < deadline
                time.sleep(0.1)
            taken: list[Packet] = []
            for packet in mended(open_source(f"{web}/yard.m3u8", "yard", None, SystemClock()).packets()):
                taken.append(packet)
                if len(taken) == 125:
                    break
        finally:
            writer.kill()
    assert taken[0].stream.is_live
    assert not any(packet.is_discontinuous for packet in taken)
    arrived = [packet.wall_time_s for packet in taken]
    gaps = [after - before for before, after in itertools.pairwise(arrived)]
    assert sorted(gaps)[len(gaps) // 2] == pytest.approx(0.04, abs=0.01)
    assert arrived[-1] - arrived[0] == pytest.approx(124 / 25, abs=1.5)
