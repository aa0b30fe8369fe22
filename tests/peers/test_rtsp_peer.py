"""RTSP against gst-rtsp-server."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from real_servers import RtspServer, needs, needs_gst
from test_relay_peer import assert_in_order, hashes, picture_hash

from clips import encode_clip, loop_clip, moving_square
from watchpost.clock import SystemClock
from watchpost.errors import SourceError
from watchpost.runtime.reconnect import Policy, State, packets
from watchpost.sources import open_source
from watchpost.types import Frame, Packet
from watchpost.video.decoder import Decoder

pytestmark = pytest.mark.peer

GOP = 10
HASTY = Policy(first_delay_s=0.2, growth=1.0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_gst()
    folder = tmp_path_factory.mktemp("clip")
    encode_clip(folder / "short.mp4", moving_square(50), gop=GOP)
    loop_clip(folder / "short.mp4", folder / "long.mp4", 60)
    return folder / "long.mp4"


@pytest.fixture(scope="module")
def server(clip: Path) -> Iterator[RtspServer]:
    with RtspServer(clip) as running:
        yield running


def read(address: str, count: int, **options: object) -> list[Packet]:
    taken = []
    for packet in packets(
        lambda: open_source(address, "yard", options, SystemClock()), SystemClock(), threading.Event(), HASTY
    ):
        taken.append(packet)
        if len(taken) == count:
            break
    return taken


def failure(address: str, **options: object) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(address, 1, **options)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pictures_come_through(server: RtspServer, transport: str) -> None:
    taken = read(server.address(), 45, transport=transport)

    assert taken[0].stream.is_live
    assert (taken[0].stream.codec, taken[0].stream.width, taken[0].stream.height) == ("h264", 160, 120)
    times = [packet.camera_time_s for packet in taken]
    assert times == pytest.approx([index / 25 for index in range(45)], abs=0.002)
    assert not any(packet.is_discontinuous for packet in taken)
    decoder = Decoder("yard")
    frames = [frame for packet in taken for frame in decoder.decode(packet)]
    assert len(frames) >= 45 - GOP
    assert decoder.counters["corrupt"] == 0
    originals = moving_square(50)
    assert min(np.abs(frames[0].picture.bgr().astype(int) - picture).mean() for picture in originals) < 4


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_packets_are_those_that_the_server_sends(server: RtspServer, clip: Path, transport: str) -> None:
    taken = read(server.address(), 45, transport=transport)
    got = [picture_hash(bytes(each.payload), each.stream.extradata) for each in taken]  # type: ignore[call-overload]
    assert_in_order(got, hashes(clip), 45)


def test_packets_arrive_in_their_own_time(server: RtspServer) -> None:
    taken = read(server.address(), 50)[25:]  # the first ones were gathered while connecting
    passed_s = taken[-1].wall_time_s - taken[0].wall_time_s
    assert passed_s == pytest.approx(24 / 25, abs=0.35)


def test_a_path_that_is_not_there(server: RtspServer) -> None:
    error = failure(server.address("/nothing"))
    assert "no such path (404)" in str(error)
    assert error.permanent


@pytest.mark.parametrize("scheme", [(), ("--digest",)], ids=["basic", "digest"])
def test_user_and_password(clip: Path, scheme: tuple[str, ...]) -> None:
    with RtspServer(clip, "--user", "admin", "--password", "p@ss:w/rd", *scheme) as server:
        assert len(read(server.address(user="admin:p%40ss%3Aw%2Frd@"), 10)) == 10
        for user in ("admin:wrong@", "guest:guest@", ""):
            error = failure(server.address(user=user))
            assert "wrong user or password" in str(error)
            assert error.permanent
            assert "wrong@" not in str(error)


def test_tls(clip: Path, tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    key = tmp_path / "key.pem"
    subprocess.run(
        [
            needs("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    both = tmp_path / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    with RtspServer(clip, "--certificate", str(both), scheme="rtsps") as server:
        assert len(read(server.address(), 10, ca_file=certificate)) == 10
        assert len(read(server.address(), 10, tls_verify=False)) == 10
        source = open_source(server.address(), "yard", None, SystemClock())
        with pytest.raises(SourceError, match="set ca_file"):
            next(iter(source.packets()))


def test_killed_and_restarted_server_is_reconnected(clip: Path) -> None:
    states: list[State] = []
    frames: list[Frame] = []
    decoder = Decoder("yard")
    with RtspServer(clip) as server:
        deadline = time.monotonic() + 60
        restarts = 0
        for packet in packets(
            lambda: open_source(server.address(), "yard", {"timeout": 3}, SystemClock()),
            SystemClock(),
            threading.Event(),
            HASTY,
            states.append,
        ):
            frames += decoder.decode(packet)
            assert time.monotonic() < deadline
            if len(frames) >= 20 * (restarts + 1):
                if restarts == 2:
                    break
                restarts += 1
                server.kill()
                threading.Timer(0.7, server.start).start()
    assert [state.name for state in states].count("live") == 3
    times = [frame.camera_time_s for frame in frames]
    assert times == sorted(set(times))
    assert [frame.is_discontinuous for frame in frames].count(True) == 2


def test_a_server_that_hangs_is_lost(clip: Path) -> None:
    with RtspServer(clip) as server:
        source = open_source(server.address(), "yard", {"timeout": "1s"}, SystemClock())
        taken = 0
        frozen_at = 0.0
        try:
            with pytest.raises(SourceError, match=r"no answer in time|no picture for") as caught:  # noqa: PT012
                for _ in source.packets():
                    taken += 1
                    if taken == 30:
                        os.kill(server.pid, signal.SIGSTOP)
                        frozen_at = time.monotonic()
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert not caught.value.permanent
        assert time.monotonic() - frozen_at < 5


def test_threads_and_file_handles_do_not_grow(server: RtspServer) -> None:
    def in_use() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    read(server.address(), 3)
    time.sleep(1.5)
    before = in_use()
    for _ in range(5):
        read(server.address(), 3)
    deadline = time.monotonic() + 10
    while in_use() > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert in_use() <= before
