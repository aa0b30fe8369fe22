"""Frames a second of a detector through the batcher, against the same detector alone, in rounds that take turns.

    python bench/batcher.py MODEL.onnx [--cameras 16] [--rounds 5] [--seconds 3] [--shapes] [--open-batch]

Cameras always have a frame ready, of 1280x720, scaled to the network's input by the detector as in real life.
Others on the machine disturb wall time; processor time a frame is steadier, so both are printed.
--shapes compares workers x batch x threads within a call first; --open-batch opens the fixed batch of YOLOX for it.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from watchpost.clock import SystemClock
from watchpost.detectors import Detector
from watchpost.detectors.card import resolve
from watchpost.detectors.network import NetworkDetector, usable_cores
from watchpost.detectors.onnx import OnnxEngine
from watchpost.picture import ArrayPicture
from watchpost.runtime.batcher import Batcher
from watchpost.runtime.lane import Served
from watchpost.runtime.seat import Seat
from watchpost.runtime.shape import Shape, measure
from watchpost.types import Detections, Frame


class Free:
    """A detector that costs nothing: what is left is the batcher."""

    name = "nothing"
    class_names = ()

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        return [NOTHING] * len(frames)

    def close(self) -> None: ...


@dataclass(frozen=True)
class Round:
    frames: int
    wall_s: float
    cpu_s: float
    least: int = 0
    most: int = 0

    @property
    def fps(self) -> float:
        return self.frames / self.wall_s

    @property
    def cpu_ms(self) -> float:
        return 1e3 * self.cpu_s / self.frames


NOTHING = Detections.empty((1280, 720))
PICTURE = ArrayPicture(np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8))


def frame(camera: str, index: int) -> Frame:
    return Frame(camera, PICTURE, index / 5, index / 5, index)


def timed(work: Callable[[], int]) -> Round:
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    frames = work()
    return Round(frames, time.perf_counter() - wall_s, time.process_time() - cpu_s)


def bare(detector: Detector, shape: Shape, seconds: float) -> Round:
    def work() -> int:
        began_s = time.perf_counter()
        fps = measure(detector, frame("bare", 0), shape, SystemClock(), seconds)
        return round(fps * (time.perf_counter() - began_s))

    return timed(work)


def through_batcher(detector: Detector, shape: Shape, cameras: int, seconds: float) -> Round:
    batcher = Batcher({"model": Served(detector, shape.batch, fill_s=0.01)}, SystemClock(), workers=shape.workers)
    seats = [batcher.join(f"camera {number}", "model") for number in range(cameras)]

    def run(seat: Seat) -> None:
        for each, _ in seat.results():
            seat.offer(frame(seat.name, each.index + 2))

    threads = [threading.Thread(target=run, args=(seat,), daemon=True) for seat in seats]
    for thread in threads:
        thread.start()

    def work() -> int:
        batcher.start()
        for index in range(2):  # one in detection, and the next one ready
            for seat in seats:
                seat.offer(frame(seat.name, index))
        time.sleep(seconds)
        batcher.stop()
        return sum(seat.counts.detected for seat in seats)

    measured = timed(work)
    for thread in threads:
        thread.join()
    counts = [seat.counts.detected for seat in seats]
    return Round(measured.frames, measured.wall_s, measured.cpu_s, min(counts), max(counts))


def with_open_batch(model: Path, folder: Path) -> Path:
    """A copy of a YOLOX network whose batch axis is open: its head's reshapes alone fix it."""
    import onnx
    from onnx import numpy_helper

    network = onnx.load(model)
    for values in (network.graph.input, network.graph.output):
        for value in values:
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
    shapes = {node.input[1] for node in network.graph.node if node.op_type == "Reshape"}
    for tensor in network.graph.initializer:
        if tensor.name in shapes:
            shape = numpy_helper.to_array(tensor).copy()
            shape[0] = 0
            tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))
    for node in network.graph.node:
        if node.op_type == "Constant" and node.output[0] in shapes:
            shape = numpy_helper.to_array(node.attribute[0].t).copy()
            shape[0] = 0
            node.attribute[0].t.CopyFrom(numpy_helper.from_array(shape))
    copy = folder / model.name
    onnx.save(network, copy)
    return copy


def load(model: Path, threads: int) -> NetworkDetector:
    file, card = resolve(model)
    return NetworkDetector(card, OnnxEngine(file, threads=threads))


def compare_shapes(model: Path, rounds: int, seconds: float) -> None:
    cores = usable_cores()
    tried = [(threads, Shape(cores // threads, batch)) for threads in sorted({1, cores}) for batch in (1, 2, 4, 8)]
    detectors = {threads: load(model, threads) for threads in sorted({1, cores})}
    results: dict[tuple[int, Shape], list[Round]] = {each: [] for each in tried}
    for _ in range(rounds):
        for threads, shape in tried:
            results[threads, shape].append(bare(detectors[threads], shape, seconds))
    print(f"{'workers':>8}{'batch':>6}{'threads a call':>16}{'fps':>8}{'CPU ms a frame':>16}")
    for (threads, shape), measured in results.items():
        fps, cpu = (statistics.median(getattr(each, name) for each in measured) for name in ("fps", "cpu_ms"))
        print(f"{shape.workers:8}{shape.batch:6}{threads:16}{fps:8.1f}{cpu:16.2f}")


def compare(detector: Detector, shape: Shape, cameras: int, rounds: int, seconds: float) -> None:
    pairs = []
    print(f"{detector.name}: {cameras} cameras, {shape.workers} workers x {shape.batch}")
    print(f"{'':>10}{'bare':>16}{'batcher':>20}{'share of':>16}{'detected a camera':>20}")
    print(f"{'round':>10}{'fps':>8}{'CPU ms':>8}{'fps':>12}{'CPU ms':>8}{'fps':>9}{'CPU':>7}{'least':>12}{'most':>8}")
    for number in range(1, rounds + 1):
        alone = bare(detector, shape, seconds)
        shared = through_batcher(detector, shape, cameras, seconds)
        pairs.append((alone, shared))
        print(
            f"{number:10}{alone.fps:8.0f}{alone.cpu_ms:8.3f}{shared.fps:12.0f}{shared.cpu_ms:8.3f}"
            f"{shared.fps / alone.fps:9.3f}{alone.cpu_ms / shared.cpu_ms:7.3f}{shared.least:12}{shared.most:8}",
            flush=True,
        )
    share = statistics.median(b.fps / a.fps for a, b in pairs)
    cpu_share = statistics.median(a.cpu_ms / b.cpu_ms for a, b in pairs)
    added = statistics.median(b.cpu_ms - a.cpu_ms for a, b in pairs)
    print(
        f"median share {share:.3f} by wall time, {cpu_share:.3f} by CPU; the batcher adds {added:.3f} CPU ms a frame\n"
    )


def main() -> None:
    """Print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--shapes", action="store_true")
    parser.add_argument("--open-batch", action="store_true")
    arguments = parser.parse_args()
    cores = usable_cores()
    load_now = os.getloadavg()[0]
    print(f"{platform.processor() or platform.machine()}, {cores} cores, load {load_now:.1f} when it began\n")
    if arguments.shapes:
        folder = Path(tempfile.mkdtemp())
        try:
            model = with_open_batch(arguments.model, folder) if arguments.open_batch else arguments.model
            compare_shapes(model, arguments.rounds, arguments.seconds)
        finally:
            shutil.rmtree(folder)
        print()
    # one worker is enough to see what the batcher itself costs
    compare(Free(), Shape(1, 1), arguments.cameras, min(3, arguments.rounds), min(1.0, arguments.seconds))
    compare(load(arguments.model, 1), Shape(cores, 1), arguments.cameras, arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
