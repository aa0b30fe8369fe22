"""What recording costs: processor time a packet, and of putting a film together.

    python bench/recording.py [FOLDER]

Packets of the synthetic scene (720p, 15 frames/s, a key frame every 2 s) are written, without pause, to an archive in
FOLDER (by default a temporary one), with an fdatasync a fragment. Processor time counts what the process used, the
wall time beside it what the disk took.
"""

from __future__ import annotations

import dataclasses
import platform
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from watchpost.clock import SystemClock
from watchpost.recordings.archive import Archive
from watchpost.recordings.clip import cut
from watchpost.recordings.writer import CameraWriter, Lengths
from watchpost.sources import open_source
from watchpost.types import Packet
from watchpost.video.timestamps import mended

FPS, SECONDS, TURNS = 15, 20, 15
START_S = 1_700_000_000.0


def packets(options: str) -> list[Packet]:
    """`SECONDS` of the scene."""
    source = open_source(
        f"synthetic:?width=1280&height=720&fps={FPS}&gop={2 * FPS}&{options}", "cam", None, SystemClock()
    )
    found = list(islice(mended(source.packets()), FPS * SECONDS))
    source.close()
    return [dataclasses.replace(each, wall_time_s=START_S + index / FPS) for index, each in enumerate(found)]


def measure(name: str, film: list[Packet], folder: Path) -> None:
    """Write the film again and again, then cut all of it."""
    moved = round(SECONDS / film[0].stream.time_base)
    turns = [
        dataclasses.replace(
            each,
            pts=(each.pts or 0) + turn * moved,
            dts=(each.dts or 0) + turn * moved,
            wall_time_s=each.wall_time_s + turn * SECONDS,
        )
        for turn in range(TURNS)
        for each in film
    ]
    archive = Archive(folder)
    writer = CameraWriter("cam", archive, SystemClock(), Lengths())
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    for packet in turns:
        writer.add(packet)
    writer.finish()
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    cut_s = time.process_time()
    (clip,) = cut(archive, "cam", START_S, START_S + TURNS * SECONDS)
    cut_s = time.process_time() - cut_s
    archive.close()
    rate = sum(each.size for each in film) * 8 / SECONDS / 1e6
    count = len(turns)
    print(
        f"| {name} | {rate:.2f} | {cpu_s / count * 1e6:.0f} | {cpu_s / (TURNS * SECONDS) * 100:.2f} | "
        f"{wall_s / count * 1e6:.0f} | {cut_s * 1e3:.0f} | {clip.file.size / 1e6:.1f} |"
    )


def main() -> None:
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}\n")
    print("| scene | Mbit/s | CPU a packet, µs | of a core a camera, % | wall a packet, µs | cutting 300 s, ms | MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        measure("day", packets("people=2"), Path(folder) / "day")
        measure("night", packets("people=2&night=true"), Path(folder) / "night")


if __name__ == "__main__":
    main()
