"""Files served as cameras, read by other programs: the same pictures, round and round."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_servers import needs
from test_relay_peer import assert_in_order, hashes

from clips import encode_clip, moving_square
from watchpost.mp4 import parameter_sets

pytestmark = pytest.mark.peer
PICTURES = 50


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "visit.mp4"
    encode_clip(path, moving_square(PICTURES), fps=25, gop=25)
    return path


@pytest.fixture(scope="module")
def addresses(clip: Path) -> Iterator[list[str]]:
    command = [
        sys.executable,
        "-m",
        "watchpost",
        "serve-file",
        str(clip),
        "synthetic:?width=160&height=120",
        "--port",
        "0",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield [server.stdout.readline().split()[0] for _ in range(2)]
        server.terminate()
        assert server.wait(20) == 0


def test_ffprobe_finds_pictures_and_sizes(addresses: list[str]) -> None:
    for address, size in zip(addresses, ("160,120", "160,120"), strict=True):
        show = ["-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0"]
        command = [needs("ffprobe"), "-v", "error", "-rtsp_transport", "tcp", *show, address]
        told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        assert told.stdout.strip() == f"h264,{size}"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_ffmpeg_gets_each_picture_over_the_end_of_the_file(
    addresses: list[str], clip: Path, tmp_path: Path, transport: str
) -> None:
    out = tmp_path / "out.mkv"
    read = ["-rtsp_transport", transport, "-i", addresses[0], "-t", "4", "-c", "copy", str(out)]
    subprocess.run([needs("ffmpeg"), "-v", "error", *read], timeout=40, check=True)
    assert_in_order(hashes(out), hashes(clip), 90)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_gstreamer_gets_each_picture_over_the_end_of_the_file(
    addresses: list[str], clip: Path, tmp_path: Path, transport: str
) -> None:
    out = tmp_path / "out.h264"
    read = ["rtspsrc", f"location={addresses[0]}", f"protocols={transport}", "latency=200", "!", "rtph264depay", "!"]
    form = ["video/x-h264,stream-format=byte-stream,alignment=au", "!", "identity", f"eos-after={2 * PICTURES + 1}"]
    command = [needs("gst-launch-1.0"), "-q", *read, *form, "!", "filesink", f"location={out}"]
    subprocess.run(command, timeout=60, check=True)
    units = [bytes(each) for each in parameter_sets.units(out.read_bytes())]
    got = [hashlib.sha256(each).hexdigest() for each in units if each[0] & 31 in (1, 5)]
    assert_in_order(got, hashes(clip), 2 * PICTURES - 1)
