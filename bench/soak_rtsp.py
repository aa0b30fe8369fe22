"""A camera for minutes on end, whose server dies three times: does Watchpost come back, and does anything leak?

    python bench/soak_rtsp.py --minutes 10 [--clip FILE.mp4] [--transport udp]

gst-rtsp-server plays a clip without end; packets go through source, reconnection, timestamp filter and decoder.
Three times, evenly spread, the server is killed and started again 5 s later. The table shows what the process
holds at the start, after each return and at the end. Exits with 1 when a return is missing or anything has grown.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "peers")]

from real_servers import RtspServer  # noqa: E402

from clips import encode_clip, loop_clip, moving_square  # noqa: E402 - from the tests' folder
from watchpost.clock import SystemClock  # noqa: E402
from watchpost.runtime.reconnect import State, packets  # noqa: E402
from watchpost.sources import open_source  # noqa: E402
from watchpost.video.decoder import Decoder  # noqa: E402

DEATHS = 3
AWAY_S = 5.0
SETTLE_S = 15.0
COLUMNS = ("moment", "at s", "frames", "lives", "discontinuities", "threads", "handles", "children", "RSS MiB")


@dataclass
class Reader:
    """Reads the camera in a thread of its own and keeps count."""

    address: str
    transport: str
    stop: threading.Event = field(default_factory=threading.Event)
    states: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    discontinuities: int = 0
    error: Exception | None = None

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._read, name="reader", daemon=True)
        thread.start()
        return thread

    def _read(self) -> None:
        clock = SystemClock()
        decoder = Decoder("soak")
        last_s = -1.0
        options = {"transport": self.transport}
        try:
            for packet in packets(
                lambda: open_source(self.address, "soak", options, clock), clock, self.stop, on_state=self._note
            ):
                for frame in decoder.decode(packet):
                    frame.picture.resized(320, 180)
                    self.frames += 1
                    self.discontinuities += frame.is_discontinuous
                    if frame.camera_time_s <= last_s:
                        raise RuntimeError(f"camera time went from {last_s} to {frame.camera_time_s}")
                    last_s = frame.camera_time_s
        except Exception as error:
            self.error = error

    def _note(self, state: State) -> None:
        self.states[state.name] += 1
        print(f"  {time.strftime('%H:%M:%S')} {state.name} {state.detail}", flush=True)


def row(moment: str, started_s: float, reader: Reader, server: RtspServer) -> dict[str, str | int]:
    """What the process holds now; the server, a child of this script, is not counted."""
    process = psutil.Process()
    children = [child.pid for child in process.children(recursive=True) if child.pid != server.pid]
    values = (
        moment,
        round(time.monotonic() - started_s),
        reader.frames,
        reader.states["live"],
        reader.discontinuities,
        process.num_threads(),
        process.num_fds(),
        len(children),
        round(process.memory_info().rss / 2**20),
    )
    return dict(zip(COLUMNS, values, strict=True))


def wait_for_life(reader: Reader, lives: int) -> None:
    deadline_s = time.monotonic() + 90
    while reader.states["live"] < lives and time.monotonic() < deadline_s and reader.error is None:
        time.sleep(0.2)
    time.sleep(SETTLE_S)


def soak(minutes: float, clip: Path, transport: str) -> list[dict[str, str | int]]:
    rows = []
    started_s = time.monotonic()
    with RtspServer(clip) as server:
        reader = Reader(server.address(), transport)
        thread = reader.start()
        wait_for_life(reader, 1)
        rows.append(row("start", started_s, reader, server))
        for death in range(1, DEATHS + 1):
            time.sleep(max(0.0, started_s + minutes * 60 * death / (DEATHS + 1) - time.monotonic()))
            server.kill()
            time.sleep(AWAY_S)
            server.start()
            wait_for_life(reader, death + 1)
            rows.append(row(f"return {death}", started_s, reader, server))
        time.sleep(max(0.0, started_s + minutes * 60 - time.monotonic()))
        rows.append(row("end", started_s, reader, server))
        reader.stop.set()
        thread.join(10)
        time.sleep(2)
        rows.append(row("stopped", started_s, reader, server))
    if reader.error is not None:
        print(f"error: {reader.error}")
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clip", type=Path, help="MP4 with H.264; by default simple moving shapes, 640x360, 25 fps")
    parser.add_argument("--transport", choices=["tcp", "udp"], default="tcp")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        short = arguments.clip or Path(folder, "short.mp4")
        if arguments.clip is None:
            encode_clip(short, moving_square(100, 640, 360, 120), gop=50)
        clip = Path(folder, "long.mp4")
        loop_clip(short, clip, arguments.minutes * 60 + 120)
        machine = platform.processor() or platform.machine()
        print(f"{machine}, {psutil.cpu_count()} cores, Python {platform.python_version()}")
        rows = soak(arguments.minutes, clip, arguments.transport)
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + " --- |" * len(COLUMNS))
    for values in rows:
        print("| " + " | ".join(str(value) for value in values.values()) + " |")
    first, last = rows[0], rows[-2]
    grown = [name for name in ("threads", "handles", "children") if int(last[name]) > int(first[name])]
    missing = DEATHS + 1 - int(last["lives"])
    print(f"returns missing: {missing}; grown: {', '.join(grown) or 'nothing'}")
    return 1 if missing or grown else 0


if __name__ == "__main__":
    sys.exit(main())
