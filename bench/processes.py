"""Where the GIL is the wall: how much of the time it is held, and how long a thread waits for it, with N cameras.

    python bench/processes.py --cameras 25 50 100 200 [--state asleep] [--seconds 15]
    python bench/processes.py --cameras 10 20 40 --state awake
    python bench/processes.py --cameras 10 --state awake --model watchpost-person --fps 2

One process with N of the product's cameras (reader, ring, gate, decoder, batcher, tracker, rule), each at 720p15,
H.264, a key frame every 2 s, at the pace of a camera. `asleep` shows an empty scene; of `awake` all is decoded, and
5 frames a second of it are analysed, by a detector that finds one person for nothing, or by `--model`.

*GIL* is the share of the time in which it is held, as py-spy sees it from outside (500 times a second; the column is
empty where py-spy is not to be had). *Wait* is what a thread that sleeps for 2 ms and wakes waits longer than alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS = ("cameras", "state", "CPU, cores", "GIL", "GIL, us a packet", "wait p50", "p99, ms", "late", "MB a camera")
WARM_UP_S = 12.0
"""A camera falls asleep after 2 s; it decodes all before that."""
SLEEP_S = 0.002
FPS, GOP, SIZE = 15, 30, (1280, 720)


def make_clip(path: Path, *, moves: bool) -> None:
    """30 s of a scene with a little noise, and a square that moves through it or not."""
    from watchpost.video.camera_encoder import encode_as_camera

    random = np.random.default_rng(1)
    scene = np.repeat(random.integers(60, 180, (18, 32, 3)).astype(np.uint8), 40, 0).repeat(40, 1)

    def pictures() -> Iterator[Any]:
        for index in range(30 * FPS):
            picture = scene.copy()
            picture[::8, ::8] += random.integers(0, 3, (90, 160, 3)).astype(np.uint8)
            if moves:
                left = 8 * index % (SIZE[0] - 160)
                picture[240:600, left : left + 160] = (40, 90, 200)
            yield picture

    encode_as_camera(path, pictures(), size=SIZE, fps=FPS, gop=GOP, crf=24, preset="veryfast")


class Scripted:
    """Finds the same person in every frame, or nobody in any, for nothing."""

    name = "scripted"
    class_names = ("person",)

    def __init__(self, *, finds: bool) -> None:
        self._count = int(finds)

    def detect(self, frames: Sequence[Any]) -> list[Any]:
        """One box a frame, or none."""
        from watchpost.types import Detections

        person = Detections(
            np.array([[500, 240, 660, 600]], np.float32), np.array([0.9]), np.array([0]), frames[0].size, ("person",)
        )
        return [person[: self._count] for _ in frames]

    def close(self) -> None:
        """Nothing to let go of."""


def run_cameras(clip: Path, count: int, args: argparse.Namespace) -> None:
    """The measured process: prints one JSON line when it has warmed up, one at the end."""
    import psutil

    from watchpost.clock import SystemClock
    from watchpost.config import ModelSection
    from watchpost.config.gate import GateOptions
    from watchpost.detectors.network import usable_cores
    from watchpost.pipeline import Pipeline
    from watchpost.runtime.assembly import make_detector, make_rule, make_tracker, wanted_classes
    from watchpost.runtime.batcher import Batcher
    from watchpost.runtime.camera import Camera
    from watchpost.runtime.intake import Intake
    from watchpost.runtime.lane import Served
    from watchpost.sources.looped import looped
    from watchpost.types import Packet
    from watchpost.video.decoder import Decoder
    from watchpost.video.timestamps import mended

    process, clock = psutil.Process(), SystemClock()
    tracker = make_tracker("bytetrack")
    detector: Any = Scripted(finds=args.state == "awake")
    if args.model:
        detector = make_detector(ModelSection.model_validate(args.model), tracker.minimum_confidence)
    batcher = Batcher({"model": Served(detector)}, clock, workers=usable_cores())
    batcher.start()
    before_mb = process.memory_info().rss / 1e6
    read = [0] * count
    late = [0] * count

    def packets(number: int, start_s: float, stop: threading.Event) -> Iterator[Packet]:
        offset_s = number % 15 * 2.0
        for packet in looped(clip, f"c{number}", offset_s=offset_s, round_s=30.0, clock=clock):
            left_s = start_s + float((packet.dts or 0) * packet.stream.time_base) - time.monotonic()
            if left_s > 0:
                time.sleep(left_s)
            read[number] += 1
            late[number] += left_s < -0.2
            if stop.is_set():
                return
            yield packet

    def camera(number: int) -> Camera:
        name, start_s = f"c{number}", time.monotonic() + 1.0 + 2.0 * number / count
        rules = [make_rule("presence", name)]
        return Camera(
            name,
            lambda stop: mended(packets(number, start_s, stop)),
            Intake(Decoder(name), clock, GateOptions(enabled=args.state == "asleep")),
            batcher.join(name, "model", fps=args.fps),
            Pipeline(detector, make_tracker("bytetrack"), rules, wanted_classes(None, detector)),
            on_frame=[],
            on_events=[],
            clock=clock,
        )

    cameras = [camera(number) for number in range(count)]
    for each in cameras:
        each.start()
    time.sleep(WARM_UP_S + 3.0)
    packets_0, late_0, cpu_0, start_s = sum(read), sum(late), time.process_time(), time.monotonic()
    analysed_0 = sum(each.stats.frames for each in cameras)
    print(json.dumps({"pid": os.getpid()}), flush=True)
    waits_s = sorted(tick(args.seconds))
    elapsed_s = time.monotonic() - start_s
    asleep = sum(each.gate is not None and each.gate.state.value == "asleep" for each in cameras)
    done = sum(read) - packets_0
    print(
        json.dumps(
            {
                "cpu": (time.process_time() - cpu_0) / elapsed_s,
                "packets_s": done / elapsed_s,
                "late": (sum(late) - late_0) / max(1, done),
                "asleep": asleep,
                "analysed_s": (sum(each.stats.frames for each in cameras) - analysed_0) / elapsed_s,
                "wait_p50_ms": 1e3 * waits_s[len(waits_s) // 2],
                "wait_p99_ms": 1e3 * waits_s[len(waits_s) * 99 // 100],
                "mb_a_camera": (process.memory_info().rss / 1e6 - before_mb) / count,
            }
        ),
        flush=True,
    )
    os._exit(0)  # the cameras need not be stopped in order


def tick(seconds: float) -> list[float]:
    """How much longer than asked each short sleep took."""
    waits_s = []
    end_s = time.monotonic() + seconds
    while (before_s := time.perf_counter()) and time.monotonic() < end_s:
        time.sleep(SLEEP_S)
        waits_s.append(time.perf_counter() - before_s - SLEEP_S)
    return waits_s


def gil_share(pid: int, seconds: float) -> float | None:
    """The share of py-spy's looks at which some thread held the GIL; `None` without py-spy."""
    spy = Path(sys.executable).with_name("py-spy")
    program = str(spy) if spy.exists() else shutil.which("py-spy")
    if program is None:
        return None
    rate = 500
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "stacks")
        command = [program, "record", "--gil", "--nonblocking", "-r", str(rate), "-d", str(int(seconds))]
        command += ["-f", "raw", "-o", str(out), "-p", str(pid)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not out.exists():
            print(done.stderr, file=sys.stderr)
            return None
        looks = sum(int(line.rpartition(" ")[2]) for line in out.read_text().splitlines())
    return looks / (rate * int(seconds))


def measure(clip: Path, count: int, args: argparse.Namespace) -> tuple[str, ...]:
    """One row, from a process of its own."""
    command = [sys.executable, __file__, "--cameras", str(count), "--state", args.state, "--clip", str(clip)]
    command += ["--seconds", str(args.seconds), "--fps", str(args.fps), "--child"]
    command += ["--model", args.model] if args.model else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        pid = json.loads(child.stdout.readline())["pid"]
        share = None if args.no_spy else gil_share(pid, args.seconds - 2)
        found = json.loads(child.stdout.readline())
    state = f"{found['asleep']} asleep" if args.state == "asleep" else f"{found['analysed_s']:.0f} analysed/s"
    return (
        str(count),
        state,
        f"{found['cpu']:.2f}",
        "" if share is None else f"{share:.1%}",
        "" if share is None else f"{1e6 * share / found['packets_s']:.0f}",
        f"{found['wait_p50_ms']:.2f}",
        f"{found['wait_p99_ms']:.2f}",
        f"{found['late']:.1%}",
        f"{found['mb_a_camera']:.1f}",
    )


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, nargs="+", default=[25, 50, 100, 200])
    parser.add_argument("--state", choices=("asleep", "awake"), default="asleep")
    parser.add_argument("--model", help="a detector; otherwise one that costs nothing")
    parser.add_argument("--fps", type=float, default=5.0, help="analysed frames a second of an awake camera")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--clip", type=Path, help="a video of 30 s of your own")
    parser.add_argument("--no-spy", action="store_true", help="py-spy takes processor time too")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        clip = args.clip
        if clip is None:
            clip = Path(stack.enter_context(tempfile.TemporaryDirectory()), "clip.mp4")
            make_clip(clip, moves=args.state == "awake")
        if args.child:
            run_cameras(clip, args.cameras[0], args)
            return
        print(
            f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        )
        print("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS))
        for count in args.cameras:
            print("| " + " | ".join(measure(clip, count, args)) + " |", flush=True)


if __name__ == "__main__":
    main()
