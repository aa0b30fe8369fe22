"""How many calls of a detector at once, and how many frames a call: measured on the machine that it runs on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from watchpost.clock import Clock
from watchpost.detectors import Detector
from watchpost.types import Frame

_LOG: Final = logging.getLogger(__name__)
WORKERS_ON_ACCELERATOR: Final = 2
"""One prepares its pictures while the other's are looked at."""
_MEASURE_S: Final = 0.4
_GOOD_ENOUGH: Final = 0.95
"""Of the best rate: a smaller batch that reaches it gives its results sooner."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`workers` calls at once of `batch` frames each."""

    workers: int
    batch: int


def shapes_for(cores: int, *, has_accelerator: bool) -> list[Shape]:
    """The shapes worth measuring, those with the shortest delay first.

    On processors there is one, a call of one frame a core (of a detector with one thread a call): it was the fastest
    wherever it was measured, see docs/design/batching.md. On an accelerator two calls, so that one prepares
    its pictures while the other's are looked at, with batches of 1 to 32.
    """
    if not has_accelerator:
        return [Shape(cores, 1)]
    return [Shape(WORKERS_ON_ACCELERATOR, batch) for batch in (1, 2, 4, 8, 16, 32)]


def measure(detector: Detector, frame: Frame, shape: Shape, clock: Clock, seconds: float) -> float:
    """Frames per second of the detector alone, all workers together, after a call of each to warm up."""
    frames = [frame] * shape.batch

    def work(_: int) -> float:
        detector.detect(frames)
        started_s, count = clock.monotonic_s(), 0
        while (elapsed_s := clock.monotonic_s() - started_s) < seconds:
            detector.detect(frames)
            count += shape.batch
        return count / elapsed_s

    with ThreadPoolExecutor(shape.workers) as pool:
        return sum(pool.map(work, range(shape.workers)))


def measure_batch(detector: Detector, frame: Frame, clock: Clock) -> int:
    """The batch to use on an accelerator: some 3 s of calls in all.

    A batch that fails, for want of memory, ends the search; 1 where even that fails.
    """
    rates: dict[Shape, float] = {}
    for shape in shapes_for(1, has_accelerator=True):
        try:
            rates[shape] = measure(detector, frame, shape, clock, _MEASURE_S)
        except Exception as error:  # whatever an engine raises
            _LOG.warning("%s fails with %d frames a call: %s", detector.name, shape.batch, error)
            break
    batch = choose(rates, list(rates)).batch if rates else 1
    _LOG.info("%s: %d frames a call (%s)", detector.name, batch, _told(rates))
    return batch


def _told(rates: Mapping[Shape, float]) -> str:
    return ", ".join(f"{shape.batch}: {rate:.0f} fps" for shape, rate in rates.items())


def choose(rates: Mapping[Shape, float], order: Sequence[Shape]) -> Shape:
    """The first in `order` whose rate is within 5 % of the best."""
    best = max(rates.values())
    return next(shape for shape in order if rates[shape] >= _GOOD_ENOUGH * best)
