"""What the RTSP server costs, and how much later its readers have each picture; next to gst-rtsp-server.

    python bench/rtsp_load.py --seconds 20

Cameras of 720p15 at 2 Mbit/s are fed in real time: one to 100 readers over TCP, then 50 to 2 readers each. Each
picture carries the moment at which it was handed to the server; the delay is from there to the last of its packets at
the reader. The readers, another process, share the machine. Both servers get the same bytes, one after the other.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import selectors
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil

sys.path[:0] = [str(Path(__file__).parents[1] / "tests")]

from rtsp_house import House  # noqa: E402 - from the tests' folder
from watchpost.config.serve import RtspOptions  # noqa: E402
from watchpost.types import Packet, StreamInfo  # noqa: E402

FPS = 15
SIZE = (1280, 720)
MEGABITS = 2.0
GOP = 30
SECONDS_OF_CLIP = 8
MARK = b"watchpost-bench!"
"""The 16 bytes that user data begins with (H.264, D.1.7)."""
TICKS = Fraction(1, 90_000)
GST = Path(__file__).with_name("rtsp_load_gst.py")
_SETTLE_S = 3.0


def stamped(unit: bytes, now_s: float) -> bytes:
    """An access unit with the moment, as digits, in front of its first slice."""
    text = MARK + b"%020d" % round(now_s * 1e6)
    sei = b"\x00\x00\x00\x01\x06\x05" + bytes((len(text),)) + text + b"\x80"
    at = re.search(rb"\x00\x00\x01[\x01\x41\x61\x65\x25\x45]", unit)
    assert at is not None
    begin = at.start() - (at.start() > 0 and unit[at.start() - 1] == 0)
    return unit[:begin] + sei + unit[begin:]


def clip() -> list[tuple[bytes, bool]]:
    """Access units of a moving, noisy picture at about the wanted bit rate."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = *SIZE, "yuv420p"
    context.time_base, context.framerate, context.bit_rate = Fraction(1, FPS), Fraction(FPS), int(MEGABITS * 1e6)
    context.gop_size, context.max_b_frames = GOP, 0
    rates = f"vbv-maxrate={int(MEGABITS * 1000)}:vbv-bufsize={int(MEGABITS * 1000)}:nal-hrd=cbr:force-cfr=1"
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": f"scenecut=0:sliced-threads=0:{rates}",
    }
    chance = np.random.default_rng(1)
    noise = chance.integers(0, 60, (SIZE[1] + 64, SIZE[0] + 64, 3), np.uint8)
    found = []
    for index in range(FPS * SECONDS_OF_CLIP):
        left = index * 5 % 64
        picture = np.ascontiguousarray(noise[left : left + SIZE[1], left : left + SIZE[0]])
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, FPS)
        found += [(bytes(each), each.is_keyframe) for each in context.encode(frame)]
    return found


def serve(path: Path, cameras: int) -> None:
    """Be our server: feed the cameras in real time until standard input ends."""
    units = read_clip(path)
    names = [f"camera{index}" for index in range(cameras)]
    stream = StreamInfo("h264", *SIZE, TICKS, Fraction(FPS), is_live=True)
    with House(RtspOptions(udp=False, connections=1000, connections_per_address=1000), cameras=names) as house:
        print("ready", house.port, flush=True)
        ended = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
        start_s = time.monotonic()
        number = 0
        while not ended.is_set():
            for index, name in enumerate(names):
                due_s = start_s + (number + index / len(names)) / FPS
                time.sleep(max(0.0, due_s - time.monotonic()))
                unit, is_key = units[number % len(units)]
                pts = number * 90_000 // FPS
                payload = av.Packet(stamped(unit, time.monotonic()))
                payload.pts = payload.dts = pts
                payload.time_base, payload.is_keyframe = TICKS, is_key
                house.feed([Packet(name, stream, pts, pts, is_key, payload.size, time.time(), payload)], name)
            number += 1


def write_clip(path: Path, units: list[tuple[bytes, bool]]) -> None:
    """For both servers: flag, length, bytes."""
    path.write_bytes(b"".join(struct.pack(">BI", is_key, len(unit)) + unit for unit, is_key in units))


def read_clip(path: Path) -> list[tuple[bytes, bool]]:
    """The same back."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        is_key, length = struct.unpack_from(">BI", data, at)
        found.append((data[at + 5 : at + 5 + length], bool(is_key)))
        at += 5 + length
    return found


@dataclass
class LoadReader:
    """One connection that plays a camera, and notes how late each picture is complete."""

    port: int
    path: str
    socket: socket.socket = field(init=False)
    delays_s: list[float] = field(default_factory=list)
    pictures: int = 0
    gaps: int = 0
    _waiting: bytearray = field(default_factory=bytearray)
    _stamp_s: float | None = None
    _sequence: int | None = None

    def start(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), 30)
        url = f"rtsp://127.0.0.1:{self.port}/{self.path}"
        described = self._ask("DESCRIBE", url)
        base = re.search(rb"Content-Base: (\S+?)/?\r\n", described)
        control = re.findall(rb"a=control:(\S+)", described)[-1].decode()
        track = control if "://" in control else f"{base[1].decode() if base else url}/{control}"
        session = re.search(
            rb"Session: ([^;\r]+)", self._ask("SETUP", track, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        )
        assert session is not None
        self._ask("PLAY", url, f"Session: {session[1].decode()}")
        self.socket.setblocking(False)

    def _ask(self, method: str, url: str, *headers: str) -> bytes:
        self.socket.sendall("\r\n".join([f"{method} {url} RTSP/1.0", "CSeq: 1", *headers, "", ""]).encode())
        data = b""
        while (begin := self._after_packets(data)) is None or (end := data.find(b"\r\n\r\n", begin)) < 0:
            data += self.socket.recv(65_536)
        self._waiting += data[:begin]
        data, end = data[begin:], end - begin
        length = re.search(rb"Content-[Ll]ength: (\d+)", data[:end])
        end += 4 + (int(length[1]) if length else 0)
        while len(data) < end:
            data += self.socket.recv(65_536)
        assert data.startswith(b"RTSP/1.0 200"), data
        self._waiting += data[end:]
        return data[:end]

    @staticmethod
    def _after_packets(data: bytes) -> int | None:
        """Where the answer begins behind packets that came first, `None` before it has come."""
        at = 0
        while data[at : at + 1] == b"$" and len(data) >= at + 4:
            at += 4 + (data[at + 2] << 8 | data[at + 3])
        return at if at < len(data) and data[at : at + 1] != b"$" else None

    def read(self) -> None:
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        now_s = time.monotonic()
        waiting = self._waiting
        waiting += data
        at = 0
        while len(waiting) >= at + 4:
            end = at + 4 + (waiting[at + 2] << 8 | waiting[at + 3])
            if len(waiting) < end:
                break
            if waiting[at + 1] == 0:
                self._take(waiting, at + 4, end, now_s)
            at = end
        del waiting[:at]

    def _take(self, data: bytearray, begin: int, end: int, now_s: float) -> None:
        sequence = data[begin + 2] << 8 | data[begin + 3]
        self.gaps += self._sequence is not None and sequence != (self._sequence + 1) & 0xFFFF
        self._sequence = sequence
        if (found := data.find(MARK, begin, end)) >= 0:
            self._stamp_s = int(data[found + len(MARK) : found + len(MARK) + 20]) / 1e6
        if data[begin + 1] & 0x80 and self._stamp_s is not None:
            self.pictures += 1
            self.delays_s.append(now_s - self._stamp_s)
            self._stamp_s = None


def measure(name: str, command: list[str], cameras: int, readers: int, seconds: float) -> str:
    """One server, one load: a row of the table."""
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        answer = server.stdout.readline().split()
        assert answer[:1] == ["ready"], f"{name} did not start"
        port = int(answer[1])
        all_readers = [LoadReader(port, f"camera{index % cameras}") for index in range(readers)]
        with selectors.DefaultSelector() as selector:
            process = psutil.Process(server.pid)

            def read_for(seconds: float) -> None:
                until_s = time.monotonic() + seconds
                while True:
                    for key, _ in selector.select(max(0.0, min(0.2, until_s - time.monotonic()))):
                        key.data.read()
                    if time.monotonic() >= until_s:
                        return

            for reader in all_readers:
                reader.start()
                selector.register(reader.socket, selectors.EVENT_READ, reader)
                read_for(0.0)  # those who play already must not fall behind meanwhile

            read_for(_SETTLE_S)
            for reader in all_readers:
                reader.delays_s.clear()
                reader.pictures = reader.gaps = 0
            before, begin_s = process.cpu_times(), time.monotonic()
            read_for(seconds)
            after, passed_s = process.cpu_times(), time.monotonic() - begin_s
            rss = process.memory_info().rss / 2**20
    finally:
        server.kill()
        server.communicate()
    delays = np.concatenate([reader.delays_s for reader in all_readers]) * 1000
    cpu = (after.user + after.system - before.user - before.system) / passed_s * 100
    pictures = sum(reader.pictures for reader in all_readers) / (readers * FPS * passed_s) * 100
    gaps = sum(reader.gaps for reader in all_readers)
    p50, p95, p99 = np.percentile(delays, (50, 95, 99))
    return (
        f"| {name} | {cameras} x {readers // cameras} | {cpu:.0f} % | {rss:.0f} MB | {p50:.1f} ms | {p95:.1f} ms | "
        f"{p99:.1f} ms | {pictures:.1f} % | {gaps} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cameras", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--without-gst", action="store_true")
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.cameras)
        return
    units = clip()
    rate = sum(len(unit) for unit, _ in units) * 8 / (len(units) / FPS) / 1e6
    cores = len(os.sched_getaffinity(0))
    print(f"{platform.node()}: {cores} cores, Python {platform.python_version()}; clip of {rate:.2f} Mbit/s\n")
    print("| server | cameras x readers | CPU of one core | memory | delay p50 | p95 | p99 | pictures | gaps |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.bin")
        write_clip(path, units)
        for cameras, readers in ((1, 1), (1, 100), (50, 100)):
            ours = [sys.executable, __file__, "--serve", str(path), "--cameras", str(cameras)]
            theirs = ["/usr/bin/python3", str(GST), str(path), str(cameras), str(FPS)]
            print(measure("Watchpost", ours, cameras, readers, arguments.seconds), flush=True)
            if not arguments.without_gst:
                print(measure("gst-rtsp-server", theirs, cameras, readers, arguments.seconds), flush=True)


if __name__ == "__main__":
    main()
