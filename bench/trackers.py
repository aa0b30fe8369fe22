"""How long the trackers take a frame: python bench/trackers.py

Objects walk and cross at random; one detection in ten is missing, one in ten is unsure, and a tenth are false.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path

import numpy as np

from watchpost import plugins
from watchpost.types import Detections

WARM_UP_FRAMES = 50


def machine() -> str:
    """The processor's name and its cores."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def scene(objects: int, frames: int, seed: int = 1) -> list[Detections]:
    """Detections of `objects` that walk through a full HD picture."""
    rng = np.random.default_rng(seed)
    place = rng.uniform((0, 0), (1920, 1080), (objects, 2))
    step = rng.normal(0, 4, (objects, 2))
    found = []
    for _ in range(frames):
        place = (place + step) % (1920, 1080)
        seen = place[rng.random(objects) > 0.1]
        center = np.concatenate([seen, rng.uniform((0, 0), (1920, 1080), (objects // 10, 2))])
        center += rng.normal(0, 1, center.shape)
        half = np.array([20, 50])
        confidence = np.where(rng.random(len(center)) < 0.1, 0.3, 0.9)
        found.append(
            Detections(
                xyxy=np.concatenate([center - half, center + half], axis=1),
                confidence=confidence,
                class_id=np.zeros(len(center)),
                frame_size=(1920, 1080),
            )
        )
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1000)
    frames = parser.parse_args().frames
    print(f"{machine()}; {frames} frames at 25 fps; microseconds a frame: median / 95th percentile")
    counts = (10, 30, 100)
    print(f"{'tracker':<12}" + "".join(f"{f'{count} objects':>18}" for count in counts))
    for name in plugins.names("trackers"):
        cells = []
        for count in counts:
            module = plugins.load("trackers", name)
            tracker = module.create(module.Options())
            took_us = []
            for index, detections in enumerate(scene(count, WARM_UP_FRAMES + frames)):
                start_ns = time.perf_counter_ns()
                tracker.update(detections, index / 25)
                took_us.append((time.perf_counter_ns() - start_ns) / 1000)
            median, p95 = np.percentile(took_us[WARM_UP_FRAMES:], [50, 95])
            cells.append(f"{f'{median:.0f} / {p95:.0f}':>18}")
        print(f"{name:<12}" + "".join(cells))


if __name__ == "__main__":
    main()
