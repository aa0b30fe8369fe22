"""Check a built wheel: small files only, a light set of default dependencies, and a quick `--help`.

python scripts/check_wheel.py dist/watchpost-*.whl
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

LARGEST_FILE = 4_000_000
"""Bytes: the detector that comes along is the largest."""
SLOWEST_HELP_S = 0.4
NOT_BY_DEFAULT = {"torch", "torchvision", "ray", "openvino", "elasticsearch", "trackeval"}


def large_files(wheel: Path) -> list[str]:
    """The files of the wheel that are too large."""
    with zipfile.ZipFile(wheel) as archive:
        return [
            f"{entry.filename}: {entry.file_size} bytes, at most {LARGEST_FILE}"
            for entry in archive.infolist()
            if entry.file_size > LARGEST_FILE
        ]


def heavy_dependencies(wheel: Path) -> list[str]:
    """Libraries that `pip install` of the wheel would bring and must not."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    report = subprocess.run([*command, str(wheel)], capture_output=True, check=True, text=True).stdout  # noqa: S603
    names = {item["metadata"]["name"].lower() for item in json.loads(report)["install"]}
    print(f"default install: {len(names)} packages: {', '.join(sorted(names))}")
    return [f"{name} is in the default install" for name in sorted(names & NOT_BY_DEFAULT)]


def slow_help() -> list[str]:
    """Whether the installed `watchpost --help` takes too long; the best of five, after one to warm up.

    Processor time decides: on a busy machine the clock on the wall tells of its other programs.
    """
    program = Path(sys.executable).with_name("watchpost")
    walls_s, processor_s = [], []
    for _ in range(6):
        begin, begin_s = os.times(), time.perf_counter()
        subprocess.run([program, "--help"], capture_output=True, check=True)  # noqa: S603
        walls_s.append(time.perf_counter() - begin_s)
        end = os.times()
        used_s = end.children_user + end.children_system - begin.children_user - begin.children_system
        processor_s.append(used_s)
    best_s = min(processor_s[1:])
    print(f"watchpost --help: {best_s:.2f} s of processor time, {min(walls_s[1:]):.2f} s on the wall (best of 5)")
    return [f"watchpost --help takes {best_s:.2f} s, at most {SLOWEST_HELP_S}"] if best_s > SLOWEST_HELP_S else []


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    (wheel,) = (Path(argument) for argument in sys.argv[1:])
    print(f"{wheel.name}: {wheel.stat().st_size} bytes")
    wrong = [*large_files(wheel), *heavy_dependencies(wheel), *slow_help()]
    for line in wrong:
        print(f"check_wheel: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
