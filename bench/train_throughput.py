"""Pictures a second that our detector learns from: python bench/train_throughput.py [--size 320 --size 416]

One step is forward, loss and backward, as in training but without the optimiser and the pictures' preparation. All
variants (size, fp32 or bf16, channels-last or not) take turns, step by step, so that what else the machine does hits
each of them. The fastest step is the machine's; the median tells how busy it was.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from watchpost.training.loss import Targets
from watchpost.training.models.detector import Detector, Shape

OBJECTS = 6
"""Objects a picture."""


@dataclass
class Variant:
    """One way to train, and how long its steps took."""

    size: int
    precision: str
    channels_last: bool
    network: Detector
    seconds: list[float] = field(default_factory=list)

    def step(self, pictures: Tensor, targets: Targets) -> None:
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        pictures = pictures.contiguous(memory_format=layout)
        begin = time.perf_counter()
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            losses = self.network.loss(pictures, targets)
        torch.stack(list(losses.values())).sum().backward()
        if pictures.device.type == "cuda":
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - begin)
        self.network.zero_grad(set_to_none=True)


def machine(device: torch.device) -> str:
    """What computes."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    name = names[0] if names else platform.processor()
    return f"{name}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}"


def batch(size: int, count: int, device: torch.device) -> tuple[Tensor, Targets]:
    """Noise with boxes anywhere."""
    corners = torch.rand(count, OBJECTS, 2) * size * 0.7
    boxes = torch.cat([corners, corners + size * (0.05 + 0.25 * torch.rand(count, OBJECTS, 2))], -1)
    targets = Targets(
        boxes,
        torch.zeros(count, OBJECTS, dtype=torch.int64),
        torch.ones(count, OBJECTS),
        torch.zeros(count, OBJECTS, dtype=torch.bool),
    )
    return (torch.rand(count, 3, size, size) * 255).to(device), targets.to(device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, action="append", help="side of the input in pixels; may be repeated")
    parser.add_argument("--width", type=float, default=1.0, help="scale of the detector's channels")
    parser.add_argument("--batch", type=int, default=8, help="pictures a step")
    parser.add_argument("--rounds", type=int, default=5, help="steps of each variant that count")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.manual_seed(0)

    sizes: list[int] = options.size or [320, 416]
    batches = {size: batch(size, options.batch, device) for size in sizes}
    variants = []
    for size, precision, channels_last in itertools.product(sizes, ("fp32", "bf16"), (False, True)):
        network = Detector(Shape(("person",), width=options.width)).to(device).train()
        layout = torch.channels_last if channels_last else torch.contiguous_format
        variants.append(Variant(size, precision, channels_last, network.to(memory_format=layout)))
    for _ in range(options.rounds + 1):
        for variant in variants:
            variant.step(*batches[variant.size])

    parameters = sum(each.numel() for each in variants[0].network.parameters())
    print(f"{machine(device)}; {parameters / 1e6:.2f} M parameters, batches of {options.batch}")
    print(f"{'input':>7}  {'precision':<9}  {'layout':<13}  {'fastest ms':>10}  {'median ms':>9}  {'pictures/s':>10}")
    for variant in variants:
        counted = variant.seconds[1:]  # the first one plans and allocates
        fastest, median = min(counted), statistics.median(counted)
        layout_name = "channels-last" if variant.channels_last else "contiguous"
        print(
            f"{variant.size:>7}  {variant.precision:<9}  {layout_name:<13}  {fastest * 1000:>10.0f}  "
            f"{median * 1000:>9.0f}  {options.batch / fastest:>10.1f}"
        )


if __name__ == "__main__":
    main()
