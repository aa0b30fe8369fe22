"""Milliseconds a picture of each model in ONNX Runtime and OpenVINO: python bench/detectors.py MODEL.onnx ...

Rounds of both backends alternate, so that what else the machine does hits both. `bare` is the network alone, on a
prepared input; `detector` is all that Watchpost does, from the decoded picture to boxes. Without models it takes
those of the test data's folder (WATCHPOST_TEST_DATA).
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from watchpost.detectors.card import ModelCard, resolve
from watchpost.detectors.network import Engine, NetworkDetector
from watchpost.detectors.onnx import OnnxEngine
from watchpost.detectors.openvino import OpenVinoEngine
from watchpost.detectors.preprocess import InputBuffer
from watchpost.picture import ArrayPicture
from watchpost.types import Frame

ROUND = 10
"""Pictures before it is the other backend's turn."""


def machine() -> str:
    """The processor's name and its cores."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def models(given: list[Path]) -> list[Path]:
    """The models to measure."""
    if given:
        return given
    folder = os.environ.get("WATCHPOST_TEST_DATA")
    if folder is None:
        raise SystemExit("name .onnx files, or set WATCHPOST_TEST_DATA")
    return sorted(Path(folder, "models").glob("*/*.onnx"))


def measure(file: Path, card: ModelCard, threads: int, pictures: int, frame: Frame) -> dict[str, tuple[float, float]]:
    """Median milliseconds of the bare network and of the whole detector, by backend."""
    engines: dict[str, Engine] = {
        "onnxruntime": OnnxEngine(file, threads=threads),
        "openvino": OpenVinoEngine(file, threads=threads),
    }
    detectors = {name: NetworkDetector(card, engine) for name, engine in engines.items()}
    inputs = {name: InputBuffer(card.input, 1, engine.input_dtype) for name, engine in engines.items()}
    bare: dict[str, list[float]] = defaultdict(list)
    whole: dict[str, list[float]] = defaultdict(list)
    for round_ in range(pictures // ROUND + 1):
        for name, engine in engines.items():
            inputs[name].fill(0, frame.picture)
            for _ in range(ROUND):
                start = time.perf_counter()
                engine.run(inputs[name].tensor)
                between = time.perf_counter()
                detectors[name].detect([frame])
                end = time.perf_counter()
                if round_:  # the first one warms up
                    bare[name].append(1e3 * (between - start))
                    whole[name].append(1e3 * (end - between))
    return {name: (float(np.median(bare[name])), float(np.median(whole[name]))) for name in engines}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 720), metavar=("WIDTH", "HEIGHT"))
    wishes = parser.parse_args()
    width, height = wishes.size
    noise = np.random.default_rng(1).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    picture = ArrayPicture(noise.repeat(8, axis=0).repeat(8, axis=1))
    frame = Frame("bench", picture, 0.0, 0.0, 0)
    print(f"{machine()}; {wishes.threads} threads, batch 1, {wishes.pictures} pictures of {width} x {height}")
    print(f"{'model':<30}{'backend':<14}{'bare ms':>9}{'detector ms':>13}{'overhead':>10}")
    for path in models(wishes.models):
        file, card = resolve(path)
        for name, (bare, whole) in measure(file, card, wishes.threads, wishes.pictures, frame).items():
            overhead = f"{100 * (whole / bare - 1):.0f} %"
            print(f"{card.name:<30}{name:<14}{bare:>9.2f}{whole:>13.2f}{overhead:>10}")


if __name__ == "__main__":
    main()
