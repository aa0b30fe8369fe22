"""Streams handed on to real servers and taken back: the same pictures, bit by bit."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from nginx_rtmp import NginxRtmp, free_port
from real_servers import needs

from clips import encode_clip, moving_square
from waiting import until
from watchpost.clock import SystemClock
from watchpost.errors import SourceError
from watchpost.mp4 import parameter_sets
from watchpost.runtime.annotated import Annotated
from watchpost.runtime.outputs import Output
from watchpost.runtime.reconnect import Policy
from watchpost.runtime.taps import Taps
from watchpost.serving.targets import TargetAddress
from watchpost.sources import open_source
from watchpost.types import BGR, Frame, Packet
from watchpost.video.timestamps import mended

pytestmark = pytest.mark.peer
PICTURES = 75


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3 s with sound."""
    folder = tmp_path_factory.mktemp("clip")
    encode_clip(folder / "silent.mp4", moving_square(PICTURES), fps=25, gop=25)
    tone = ["-f", "lavfi", "-i", "sine=440:sample_rate=16000", "-c:v", "copy", "-c:a", "aac", "-shortest"]
    command = [needs("ffmpeg"), "-v", "error", "-i", str(folder / "silent.mp4"), *tone, str(folder / "clip.mp4")]
    subprocess.run(command, check=True)
    return folder / "clip.mp4"


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[NginxRtmp]:
    with NginxRtmp(tmp_path) as server:
        yield server


def relay(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "watchpost", "relay", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def picture_hash(data: bytes, extradata: bytes | None) -> str:
    """Of the picture's own units, however they are wrapped."""
    if parameter_sets.is_byte_stream(extradata):
        units = [bytes(each) for each in parameter_sets.units(data)]
    else:
        units, at = [], 0
        while at < len(data):
            end = at + 4 + int.from_bytes(data[at : at + 4], "big")
            units.append(data[at + 4 : end])
            at = end
    slices = [each for each in units if each[0] & 31 in (1, 5)]
    return hashlib.sha256(b"".join(slices)).hexdigest()


def hashes(path: Path) -> list[str]:
    with av.open(path) as file:
        extradata = file.streams.video[0].codec_context.extradata
        return [picture_hash(bytes(each), extradata) for each in file.demux(video=0) if each.size]


class Reader:
    """Reads a stream in a thread, trying until it is there, until it ends."""

    def __init__(self, address: str, options: dict[str, str] | None = None) -> None:
        self.taken: list[Packet] = []
        self._address, self._options = address, {"sound": "true", "timeout": "5", **(options or {})}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed.is_set() and not self.taken:
            try:
                for packet in open_source(self._address, "back", self._options, SystemClock()).packets():
                    self.taken.append(packet)
                    if self._closed.is_set():
                        return
            except SourceError:
                self._closed.wait(0.1)

    def end(self) -> list[str]:
        self._closed.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        return [picture_hash(bytes(each.payload), each.stream.extradata) for each in self.taken]  # type: ignore[call-overload]


def assert_in_order(got: list[str], sent: list[str], at_least: int) -> None:
    """What came is one stretch of what was sent, nothing missing in it; the clip may be played in rounds."""
    assert len(got) >= at_least
    begin = sent.index(got[0])
    assert got == [sent[(begin + number) % len(sent)] for number in range(len(got))]


def test_to_nginx_and_back_the_pictures_are_the_same(clip: Path, nginx: NginxRtmp) -> None:
    reader = Reader(nginx.address("yard"))
    with relay(clip, nginx.address("yard"), "--option", "loop=true", "--duration", "6s") as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    got = reader.end()
    assert_in_order(got, hashes(clip), 75)
    assert reader.taken[0].stream.audio is not None
    assert sum(len(packet.audio) for packet in reader.taken) > 50
    assert "yard" not in said


def test_an_output_comes_back_when_its_server_does(clip: Path, nginx: NginxRtmp) -> None:
    taps, clock = Taps(), SystemClock()
    address = TargetAddress.parse(nginx.address("yard"), 5.0)
    policy = Policy(first_delay_s=0.2, longest_delay_s=0.5)
    output = Output("gate", address.shown, address.open, lambda: taps.open("gate"), clock, policy)
    with playing(clip, taps):
        output.start()
        try:
            assert until(lambda: output.figures().state == "live")
            nginx.kill()
            assert until(lambda: output.figures().state == "lost")
            assert "***" in output.figures().problem
            nginx.start()
            assert until(lambda: output.figures().state == "live" and output.figures().losses >= 1)
        finally:
            assert output.stop(10)


@contextlib.contextmanager
def red_corner(_camera: str) -> Iterator[Callable[[Frame], BGR]]:
    """In place of boxes."""

    def draw(frame: Frame) -> BGR:
        picture = frame.picture.bgr().copy()
        picture[:24, :24] = (0, 0, 255)
        return picture

    yield draw


@contextlib.contextmanager
def playing(clip: Path, taps: Taps) -> Iterator[None]:
    """A camera that shows the clip."""
    stop = threading.Event()

    def play() -> None:
        options = {"realtime": True, "loop": True, "sound": True}
        for packet in mended(open_source(str(clip), "gate", options, SystemClock()).packets()):
            taps.offer("gate", packet)
            if stop.is_set():
                return

    player = threading.Thread(target=play)
    player.start()
    try:
        yield
    finally:
        stop.set()
        player.join()


@pytest.mark.parametrize("kind", ["rtmp", "rtsp", "udp"])
def test_boxes_are_in_what_an_annotated_output_sends(clip: Path, nginx: NginxRtmp, tmp_path: Path, kind: str) -> None:
    port, out = free_port(), tmp_path / "out.mkv"
    addresses = {
        "rtmp": nginx.address("yard"),
        "rtsp": f"rtsp://127.0.0.1:{port}/gate",
        "udp": f"udp://127.0.0.1:{port}",
    }
    inputs = {"rtsp": ["-rtsp_flags", "listen"]}.get(kind, [])
    command = [needs("ffmpeg"), "-v", "error", *inputs, "-i", addresses[kind], "-t", "4", "-c", "copy", str(out)]
    taps, clock = Taps(), SystemClock()
    annotated = Annotated(taps, red_corner)
    address = TargetAddress.parse(addresses[kind], 5.0)
    policy = Policy(first_delay_s=0.2, longest_delay_s=0.5)
    output = Output("gate", address.shown, address.open, lambda: annotated.open("gate"), clock, policy)
    with playing(clip, taps):
        output.start()
        try:
            if kind != "rtsp":  # which listens, and there may be nobody before
                assert until(lambda: output.figures().state == "live")
            subprocess.run(command, check=True, timeout=60)
        finally:
            assert output.stop(10)
            annotated.close()
    with av.open(out) as file:
        video, sound = file.streams.video[0], file.streams.audio[0]
        assert (video.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        pictures = [each.to_ndarray(format="bgr24") for each in file.decode(video=0)]
    assert len(pictures) >= 20
    for picture in pictures[5:]:
        assert np.abs(picture[4:20, 4:20].astype(int) - (0, 0, 255)).mean() < 30


def test_rtsp_to_a_server_of_ffmpeg(clip: Path, tmp_path: Path) -> None:
    address = f"rtsp://127.0.0.1:{free_port()}/gate"
    out = tmp_path / "out.mkv"
    listen = [needs("ffmpeg"), "-v", "error", "-rtsp_flags", "listen", "-i", address, "-c", "copy", str(out)]
    with subprocess.Popen(listen) as server:
        for _ in range(20):  # until it listens
            with relay(clip, address) as process:
                said, _ = process.communicate(timeout=60)
            if process.returncode == 0:
                break
            time.sleep(0.2)
        assert process.returncode == 0, said
        server.wait(20)
    got = hashes(out)
    assert_in_order(got, hashes(clip), PICTURES - 2)
    with av.open(out) as file:
        assert file.streams.audio[0].codec_context.name == "aac"


def test_datagrams_reach_ffmpeg(clip: Path, tmp_path: Path) -> None:
    port = free_port()
    out = tmp_path / "out.ts"
    command = [needs("ffmpeg"), "-v", "error", "-t", "2", "-i", f"udp://127.0.0.1:{port}?timeout=9000000"]
    with (
        subprocess.Popen([*command, "-map", "0:v", "-c", "copy", str(out)]) as receiver,
        relay(clip, f"udp://127.0.0.1:{port}?pkt_size=1316", "--option", "loop=true", "--duration", "6s") as process,
    ):
        said, _ = process.communicate(timeout=60)
        receiver.wait(20)
    assert process.returncode == 0, said
    got = hashes(out)
    assert set(got) <= set(hashes(clip))
    assert len(got) >= 40


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.ts"])
def test_files_hold_the_same_pictures_as_ffprobe_reads_them(clip: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    with relay(clip, out) as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert hashes(out) == hashes(clip)
    count = ["-count_packets", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0"]
    told = subprocess.run(
        [needs("ffprobe"), "-v", "error", *count, str(out)], capture_output=True, text=True, check=True
    )
    assert f"h264,{PICTURES}" in told.stdout
    assert "aac," in told.stdout


def test_ffmpeg_publishes_to_us_and_may_come_back(clip: Path) -> None:
    port = free_port()
    ffmpeg = [needs("ffmpeg"), "-v", "error", "-re", "-i", str(clip), "-c", "copy", "-f", "flv"]
    for _ in range(2):
        reader = Reader(f"rtmp-listen://127.0.0.1:{port}/live/a-secret-key")
        wrong = subprocess.run([*ffmpeg, f"rtmp://127.0.0.1:{port}/live/a-wrong-key"], capture_output=True, check=False)
        assert wrong.returncode != 0
        subprocess.run([*ffmpeg, f"rtmp://127.0.0.1:{port}/live/a-secret-key"], check=True, timeout=30)
        assert until(lambda taken=reader.taken: len(taken) == PICTURES)
        assert reader.end() == hashes(clip)
        assert sum(len(packet.audio) for packet in reader.taken) > 30
