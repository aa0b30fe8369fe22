"""Floor: the network alone, as fast as it runs, on an input prepared once. It watches no camera.

Its best on a processor: sessions of one thread called from as many threads as there are cores, each with the largest
batch that the model takes.
"""

from __future__ import annotations

import threading
import time
from typing import Final

import numpy as np

from watchpost.detectors.card import resolve
from watchpost.detectors.onnx import OnnxEngine
from watchpost.fleet.approaches._threads import run_threads
from watchpost.fleet.feed import Feed
from watchpost.fleet.stage import Stage

_OPEN_BATCH: Final = 8
"""Where the model leaves the batch size open."""


def create(stage: Stage) -> BareDetector:
    """Ready to run. Raises `ValueError` for fewer cameras than cores."""
    if len(stage.feeds) < stage.cores:
        raise ValueError(f"bare_detector counts in the cameras' tallies, a core in each: give it {stage.cores} cameras")
    return BareDetector(stage)


class BareDetector:
    """Calls the session; what each core has done goes into one camera's tally."""

    def __init__(self, stage: Stage) -> None:
        file, card = resolve(stage.model)
        self._engine = OnnxEngine(file, threads=1)
        batch, *lengths = self._engine.input_shape
        spec = card.input
        usual = (3, spec.height, spec.width) if spec.layout == "nchw" else (spec.height, spec.width, 3)
        shape = [batch or _OPEN_BATCH, *(length or other for length, other in zip(lengths, usual, strict=True))]
        noise = np.random.default_rng(0).uniform(0, 255, shape)
        self._input = noise.astype(self._engine.input_dtype)
        self._feeds = stage.feeds[: stage.cores]

    def run(self, stop: threading.Event) -> None:
        """Infer until told to stop."""
        run_threads(self._feeds, self._infer, stop)

    def _infer(self, feed: Feed, stop: threading.Event) -> None:
        while not stop.is_set():
            started_s = time.monotonic()
            self._engine.run(self._input)
            for _ in range(len(self._input)):
                feed.tally.asked += 1
                feed.tally.note_analysed(started_s)
