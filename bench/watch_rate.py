"""Frames per second of `watchpost watch` on a file, against the same model alone in a bare loop, interleaved.

    python bench/watch_rate.py VIDEO MODEL.onnx [--rounds 3]

The bare loop runs the session on one prepared input, as many times as the video has frames, with the same threads.
"""

from __future__ import annotations

import argparse
import io
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
from rich.console import Console

from watchpost.cli._session import Session, Wishes
from watchpost.detectors.network import usable_cores


def bare_fps(model: Path, threads: int, frames: int) -> float:
    """Frames per second of the session alone, with ONNX Runtime's defaults on so many threads."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads
    session = ort.InferenceSession(str(model), settings, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    shape = [length if isinstance(length, int) else 1 for length in entry.shape]
    picture = {entry.name: np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)}
    session.run(None, picture)
    started_s = time.perf_counter()
    for _ in range(frames):
        session.run(None, picture)
    return frames / (time.perf_counter() - started_s)


def watch_fps(video: Path, model: Path, threads: int) -> tuple[float, int]:
    """Frames per second of the whole of `watch`, and how many frames there were."""
    session = Session(
        Wishes(str(video), model=str(model), threads=threads), [], [], console=Console(file=io.StringIO())
    )
    started_s = time.perf_counter()
    session.run()
    frames = session.camera.stats.frames
    return frames / (time.perf_counter() - started_s), frames


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=usable_cores())
    arguments = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {usable_cores()} cores, {arguments.threads} threads, fp32")
    print(f"{'round':>5} {'watch fps':>10} {'bare fps':>10} {'share':>6}")
    shares = []
    for number in range(1, arguments.rounds + 1):
        watched, frames = watch_fps(arguments.video, arguments.model, arguments.threads)
        bare = bare_fps(arguments.model, arguments.threads, frames)
        shares.append(watched / bare)
        print(f"{number:5} {watched:10.1f} {bare:10.1f} {shares[-1]:6.2f}", flush=True)
    print(f"median share {statistics.median(shares):.2f} over {frames} frames a round")


if __name__ == "__main__":
    main()
