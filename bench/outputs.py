"""What it costs to hand streams on: processor time a camera, of a process that sends N streams to an RTMP server.

    python bench/outputs.py [--cameras 20] [--seconds 20]

Cameras are a clip of the synthetic scene, 1280 x 720 at 15 fps, played in real time from memory; the server is nginx
with its RTMP module, in a process of its own. What the cameras alone cost is measured first and taken off.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "peers")]
from nginx_rtmp import NginxRtmp  # noqa: E402

from watchpost.clock import SystemClock  # noqa: E402
from watchpost.runtime.outputs import Output  # noqa: E402
from watchpost.runtime.taps import Taps  # noqa: E402
from watchpost.serving.targets import TargetAddress  # noqa: E402
from watchpost.sources import open_source  # noqa: E402
from watchpost.types import Packet  # noqa: E402
from watchpost.video.timestamps import mended  # noqa: E402

SCENE = "synthetic:?width=1280&height=720&fps=15&gop=30&people=2&realtime=false"


def clip(seconds: float) -> list[Packet]:
    """The first seconds of the scene."""
    found = []
    for packet in mended(open_source(SCENE, "scene", None, SystemClock()).packets()):
        if (packet.camera_time_s or 0.0) >= seconds:
            break
        found.append(packet)
    return found


def play(taps: Taps, names: list[str], packets: list[Packet], stop: threading.Event) -> None:
    """All cameras at once, round and round."""
    stream = dataclasses.replace(packets[0].stream, is_live=True)
    began_s, ticks, frame = time.monotonic(), 6000, 0
    while not stop.is_set():
        packet = packets[frame % len(packets)]
        pts = frame * ticks
        for name in names:
            taps.offer(name, dataclasses.replace(packet, stream=stream, pts=pts, dts=pts, wall_time_s=time.time()))
        frame += 1
        stop.wait(max(0.0, began_s + frame / 15 - time.monotonic()))


def used_s() -> float:
    """Processor time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    wishes = parser.parse_args()
    packets = clip(8.0)
    rate = 8 * sum(packet.size for packet in packets) / 8.0
    names = [f"camera-{number}" for number in range(wishes.cameras)]
    taps, clock, stop = Taps(), SystemClock(), threading.Event()
    player = threading.Thread(target=play, args=(taps, names, packets, stop))
    player.start()
    begin_s = used_s()
    time.sleep(wishes.seconds)
    alone = (used_s() - begin_s) / wishes.seconds
    with tempfile.TemporaryDirectory() as folder, NginxRtmp(Path(folder)) as server:
        outputs = []
        for name in names:
            address = TargetAddress.parse(server.address(name))
            outputs.append(Output(name, address.shown, address.open, lambda name=name: taps.open(name), clock))
            outputs[-1].start()
        time.sleep(5)
        begin_s, before = used_s(), [output.figures() for output in outputs]
        time.sleep(wishes.seconds)
        busy = (used_s() - begin_s) / wishes.seconds
        after = [output.figures() for output in outputs]
        for output in outputs:
            output.ask_to_stop()
        for output in outputs:
            output.stop()
    stop.set()
    player.join()
    sent = sum(b.bytes - a.bytes for a, b in zip(before, after, strict=True)) * 8 / wishes.seconds
    frames = sum(b.frames - a.frames for a, b in zip(before, after, strict=True)) / wishes.seconds
    lost = sum(figures.lost_packets + figures.losses for figures in after)
    print(f"{wishes.cameras} cameras of 1280 x 720, 15 fps, {rate / 1e6:.2f} Mbit/s")
    print(f"sent {frames:.1f} pictures/s, {sent / 1e6:.2f} Mbit/s; lost {lost}")
    own = 1000 * (busy - alone) / wishes.cameras
    print(f"cores: {busy:.3f}, of these {alone:.3f} for the cameras; {own:.2f} ms/s each")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most")


if __name__ == "__main__":
    main()
