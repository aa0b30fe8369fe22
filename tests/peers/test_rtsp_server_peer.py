"""Our RTSP server and the programs that people use with it: readers, publishers, passwords."""

from __future__ import annotations

import contextlib
import io
import subprocess
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from real_servers import needs

from clips import encode_clip, moving_square
from rtsp_house import House
from waiting import until
from watchpost.clock import SystemClock
from watchpost.config.serve import RtspOptions
from watchpost.errors import SourceError
from watchpost.mp4.parameter_sets import units
from watchpost.runtime.reconnect import packets
from watchpost.serving.access import TokenCredentials
from watchpost.sources import open_source
from watchpost.types import Packet
from watchpost.video.timestamps import mended

pytestmark = pytest.mark.peer

FRAMES = 40
TOKEN = "correct horse battery"
CAMERAS = ("gate", "hevc")
PUBLISHED = ("by-ffmpeg-tcp", "by-ffmpeg-udp", "by-gstreamer", "heard")
_RUNS_WITHIN_S = 30


class Running(House):
    """Cameras that play clips in real time, for ever."""

    def __init__(self, clips: dict[str, Path], credentials: TokenCredentials | None = None) -> None:
        super().__init__(RtspOptions(publish=PUBLISHED), credentials, clips)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._play, args=each) for each in clips.items()]

    def __enter__(self) -> Running:
        super().__enter__()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        super().__exit__(None, None, None)

    def address(self, path: str = "gate", user: str = "") -> str:
        return f"rtsp://{user}127.0.0.1:{self.port}/{path}"

    def serve(self, camera: str, played: Iterable[Packet]) -> None:
        """Serve these packets, read in a thread of their own, as a camera."""
        self._cameras.add(camera)

        def feed() -> None:
            with contextlib.suppress(SourceError):
                self.feed(played, camera)

        self._threads.append(threading.Thread(target=feed))
        self._threads[-1].start()

    def _play(self, camera: str, clip: Path) -> None:
        options = {"realtime": True, "loop": True}
        for packet in packets(
            lambda: open_source(str(clip), camera, options, SystemClock()), SystemClock(), self._stop
        ):
            self.taps.offer(f"{camera} live", packet)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    encode_clip(folder / "gate.mp4", moving_square(100), gop=25, bframes=2)
    encode_clip(
        folder / "hevc.mp4", moving_square(100), gop=25, codec="libx265", options={"x265-params": "log-level=none"}
    )
    return {"gate": folder / "gate.mp4", "hevc": folder / "hevc.mp4"}


@pytest.fixture(scope="module")
def house(clips: dict[str, Path]) -> Iterator[Running]:
    with Running(clips) as running:
        yield running


def pictures(clip: Path) -> list[bytes]:
    """The slices of each packet of a clip, which are unlike each other."""
    found = []
    with av.open(str(clip)) as container:
        for packet in container.demux(video=0):
            data, parts = bytes(packet), []
            while data:
                end = 4 + int.from_bytes(data[:4], "big")
                parts.append(data[4:end])
                data = data[end:]
            if parts:
                found.append(parts[-1])
    return found


def slices(stream: bytes) -> list[bytes]:
    """The slices in a byte stream of H.264."""
    return [bytes(unit) for unit in units(stream) if unit[0] & 0x1F in (1, 5)]


def check_in_order(found: list[bytes], clip: Path, least: int = FRAMES) -> None:
    """All of `found` is of the clip, looped, in its order, nothing missing."""
    known = pictures(clip)
    assert len(found) >= least
    begin = known.index(found[0])
    assert begin % 25 == 0, "it begins with a key frame"
    assert found == [known[(begin + index) % len(known)] for index in range(len(found))]


def run(*command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, capture_output=True, check=False, timeout=_RUNS_WITHIN_S)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_ffmpeg_reads_every_packet(house: Running, clips: dict[str, Path], transport: str) -> None:
    done = run(
        needs("ffmpeg"), "-v", "error", "-rtsp_transport", transport, "-i", house.address(),
        "-c", "copy", "-frames:v", str(FRAMES), "-f", "h264", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    check_in_order(slices(done.stdout), clips["gate"])


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_ffprobe_knows_what_it_is(house: Running, transport: str) -> None:
    for camera, codec in (("gate", "h264"), ("hevc", "hevc")):
        done = run(
            needs("ffprobe"), "-v", "error", "-rtsp_transport", transport, "-show_entries",
            "stream=codec_name,width,height", "-of", "csv=p=0", house.address(camera),
        )  # fmt: skip
        assert done.stdout.decode().strip() == f"{codec},160,120", done.stderr
        assert done.stderr == b""


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_gstreamer_reads_every_packet(house: Running, clips: dict[str, Path], transport: str, tmp_path: Path) -> None:
    target = tmp_path / "out.h264"
    done = run(
        needs("gst-launch-1.0"), "-q", "rtspsrc", f"location={house.address()}", f"protocols={transport}",
        "latency=200", "!", "rtph264depay", "!", "video/x-h264,stream-format=byte-stream,alignment=au", "!",
        "identity", f"eos-after={FRAMES + 1}", "!", "filesink", f"location={target}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    check_in_order(slices(target.read_bytes()), clips["gate"])


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_gstreamer_decodes_h265(house: Running, transport: str) -> None:
    done = run(
        needs("gst-launch-1.0"), "-q", "rtspsrc", f"location={house.address('hevc')}", f"protocols={transport}",
        "latency=200", "!", "rtph265depay", "!", "h265parse", "!", "avdec_h265", "!", "identity", "eos-after=20", "!",
        "fakesink",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_mpv_plays(house: Running, transport: str) -> None:
    done = run(
        needs("mpv"), "--no-config", "--vo=null", "--ao=null", f"--rtsp-transport={transport}", "--frames=20",
        "--untimed", house.address(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert b"h264" in done.stdout


@contextlib.contextmanager
def publishing(*command: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def check_published(house: Running, name: str, clip: Path) -> None:
    """It can be read, as a camera of ours would, and is what was published."""
    path = f"publish/{name}"
    assert until(lambda: path in house.server.figures().readers)
    source = open_source(house.address(path), "yard", {"transport": "tcp"}, SystemClock())
    found: list[bytes] = []
    for packet in source.packets():
        found += slices(bytes(packet.payload))  # type: ignore[call-overload]
        if len(found) >= FRAMES:
            break
    source.close()
    check_in_order(found, clip)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_ffmpeg_publishes(house: Running, clips: dict[str, Path], transport: str) -> None:
    name = f"by-ffmpeg-{transport}"
    with publishing(
        needs("ffmpeg"), "-v", "error", "-re", "-stream_loop", "-1", "-i", str(clips["gate"]), "-c", "copy",
        "-f", "rtsp", "-rtsp_transport", transport, house.address(f"publish/{name}"),
    ):  # fmt: skip
        check_published(house, name, clips["gate"])
    if transport == "tcp":
        assert until(lambda: f"publish/{name}" not in house.server.figures().readers), "it ends with its publisher"


def test_gstreamer_publishes(house: Running, clips: dict[str, Path]) -> None:
    launch = needs("gst-launch-1.0")
    if run(needs("gst-inspect-1.0"), "rtspclientsink").returncode:
        pytest.skip("no rtspclientsink: apt-get install gstreamer1.0-rtsp")
    with publishing(
        launch, "-q", "filesrc", f"location={clips['gate']}", "!", "qtdemux", "!", "h264parse", "!", "identity",
        "sync=true", "!", "rtspclientsink", f"location={house.address('publish/by-gstreamer')}", "protocols=tcp",
    ):  # fmt: skip
        check_published(house, "by-gstreamer", clips["gate"])


def test_sound_is_published_and_served_again(clips: dict[str, Path]) -> None:
    """ffmpeg's AAC to us, from us to a camera of ours, and from that camera to ffmpeg, which decodes all of it."""
    with Running({}) as house, publishing(
        needs("ffmpeg"), "-v", "error", "-re", "-stream_loop", "-1", "-i", str(clips["gate"]),
        "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-c:v", "copy", "-c:a", "aac", "-ac", "2",
        "-f", "rtsp", "-rtsp_transport", "tcp", house.address("publish/heard"),
    ):  # fmt: skip
        assert until(lambda: "publish/heard" in house.server.figures().readers)
        source = open_source(house.address("publish/heard"), "heard", {"sound": True}, SystemClock())
        house.serve("heard", mended(source.packets()))
        done = run(
            needs("ffmpeg"), "-v", "error", "-rtsp_transport", "tcp", "-i", house.address("heard"), "-t", "2",
            "-map", "0:a", "-f", "wav", "-",
        )  # fmt: skip
        source.close()
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    with av.open(io.BytesIO(done.stdout)) as heard:
        [stream] = heard.streams.audio
        assert (stream.sample_rate, stream.channels) == (48_000, 2)
        samples = np.concatenate([frame.to_ndarray().ravel() for frame in heard.decode(stream)])[::2]
    assert len(samples) > 48_000
    spectrum = np.abs(np.fft.rfft(samples[-32_768:].astype(np.float64)))
    assert abs(np.argmax(spectrum) * 48_000 / 32_768 - 440) < 5


def test_nobody_publishes_under_another_name(house: Running, clips: dict[str, Path]) -> None:
    done = run(
        needs("ffmpeg"), "-v", "error", "-i", str(clips["gate"]), "-c", "copy", "-f", "rtsp",
        house.address("publish/another"),
    )  # fmt: skip
    assert done.returncode != 0
    assert b"403" in done.stderr


def test_passwords(clips: dict[str, Path]) -> None:
    with Running({"gate": clips["gate"]}, TokenCredentials(TOKEN)) as house:
        user = f"viewer:{TOKEN.replace(' ', '%20')}@"
        probe = (needs("ffprobe"), "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_name")
        assert b"h264" in run(*probe, house.address(user=user)).stdout
        for wrong in ("", "viewer:guess@"):
            assert b"401" in run(*probe, house.address(user=wrong)).stderr
        done = run(
            needs("gst-launch-1.0"), "-q", "rtspsrc", f"location={house.address()}", "protocols=tcp", "user-id=viewer",
            f"user-pw={TOKEN}", "!", "rtph264depay", "!", "identity", "eos-after=5", "!", "fakesink",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
