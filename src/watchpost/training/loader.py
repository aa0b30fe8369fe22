"""From samples to batches: decoded pictures kept in memory, varied anew each epoch, alike in all runs of a seed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from watchpost.datasets import Sample
from watchpost.detectors.card import InputSpec
from watchpost.detectors.preprocess import InputBuffer, place
from watchpost.errors import WatchpostError
from watchpost.picture import ArrayPicture, decode_picture
from watchpost.training.augment import Canvas, Example, augmented
from watchpost.training.loss import Targets
from watchpost.training.recipe import Augment
from watchpost.types import BGR

_AHEAD: Final = 2
"""Batches that are prepared while the network works on one."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from."""

    pictures: Tensor
    """(B, 3, H, W) uint8, BGR."""
    targets: Targets


class PictureCache:
    """Pictures scaled to the network's input as at inference, kept while `budget_mb` lasts. For several threads.

    The first ones stay: an epoch asks for each picture once, so to drop the oldest would drop each before its use.
    """

    def __init__(self, samples: Sequence[Sample], spec: InputSpec, budget_mb: int) -> None:
        self.samples = tuple(samples)
        self.spec = spec
        self._left = budget_mb * 1_000_000
        self._kept: dict[int, BGR] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.samples)

    def example(self, index: int) -> Example:
        """Picture `index` and its objects, in pixels of the scaled picture.

        Raises `WatchpostError` for a picture that can not be read.
        """
        sample = self.samples[index]
        bgr = self._kept.get(index)
        if bgr is None:
            bgr = self._decoded(sample)
            with self._lock:
                if index not in self._kept and bgr.nbytes <= self._left:
                    self._left -= bgr.nbytes
                    self._kept[index] = bgr
        height, width = bgr.shape[:2]
        scale = np.array([width / sample.width, height / sample.height] * 2)
        return Example(bgr, (sample.xyxy * scale).astype(np.float32), sample.class_id, sample.weight, sample.is_ignored)

    def _decoded(self, sample: Sample) -> BGR:
        try:
            picture = ArrayPicture(decode_picture(sample.picture.read_bytes(), str(sample.picture)))
        except OSError as error:
            raise WatchpostError(f"{sample.picture} can not be read: {error.strerror}.") from None
        placement = place(self.spec, picture.width, picture.height)
        return picture.resized(placement.width, placement.height)


def epoch_order(repeats: NDArray[np.float64], seed: int, epoch: int) -> NDArray[np.int64]:
    """Which pictures epoch `epoch` shows, in which order.

    A picture is shown `repeats` times; of a broken number the rest falls on another share of the pictures each epoch.
    """
    rng = np.random.default_rng([seed, epoch])
    phase = np.random.default_rng(seed).random(len(repeats))
    times = np.floor(repeats * (epoch + 1) + phase) - np.floor(repeats * epoch + phase)
    return np.asarray(rng.permutation(np.repeat(np.arange(len(repeats)), times.astype(np.int64))))


class TrainLoader:
    """Batches of one epoch after another; what a batch holds depends on seed, epoch and position alone.

    Process `rank` of `world` gets its share of each batch of `batch` pictures; an incomplete last batch is left out,
    unless it is the only one.
    """

    def __init__(
        self,
        cache: PictureCache,
        repeats: NDArray[np.float64],
        augment: Augment,
        *,
        batch: int,
        seed: int,
        workers: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._cache, self._repeats, self._augment = cache, repeats, augment
        self._batch, self._seed, self._rank, self._world = batch, seed, rank, world
        self._canvas = Canvas(cache.spec.width, cache.spec.height, cache.spec.pad)
        self._pool = ThreadPoolExecutor(workers, "loader") if workers else None
        self.steps = max(1, int(repeats.sum() + 1e-6) // batch)
        """Of each epoch: the schedule counts on their being equal."""

    def batches(self, epoch: int, first_step: int = 0, *, mixes: bool = True) -> Iterator[Batch]:
        """The batches of an epoch, from step `first_step` on."""
        order = epoch_order(self._repeats, self._seed, epoch)
        mine = self._batch // self._world
        starts = [step * self._batch + self._rank * mine for step in range(first_step, self.steps)]
        # the order may be a little shorter than the epoch's average: it then begins again
        wanted = [[int(order[(start + row) % len(order)]) for row in range(mine)] for start in starts]
        pending: list[list[Future[Example]]] = []
        upcoming = iter(zip(starts, wanted, strict=True))
        try:
            while True:
                while self._pool is not None and len(pending) < _AHEAD:
                    following = next(upcoming, None)
                    if following is None:
                        break
                    pending.append(
                        [
                            self._pool.submit(self._example, index, epoch, following[0] + row, mixes)
                            for row, index in enumerate(following[1])
                        ]
                    )
                if self._pool is None:
                    start, indices = next(upcoming, (0, []))
                    examples = [self._example(index, epoch, start + row, mixes) for row, index in enumerate(indices)]
                else:
                    examples = [each.result() for each in pending.pop(0)] if pending else []
                if not examples:
                    return
                yield collated(examples, self._cache.spec)
        finally:
            for future in (each for batch in pending for each in batch):
                future.cancel()

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _example(self, index: int, epoch: int, position: int, mixes: bool) -> Example:
        rng = np.random.default_rng([self._seed, epoch, position])
        take, count = self._cache.example, len(self._cache)
        return augmented(index, take, count, self._canvas, self._augment, rng, mixes=mixes)


def collated(examples: Sequence[Example], spec: InputSpec) -> Batch:
    """Examples as the network takes them: letterboxed by the code that does it at inference, objects padded to M."""
    buffer = InputBuffer(spec, len(examples), np.dtype(np.uint8))
    most = max(len(example.xyxy) for example in examples)
    boxes = torch.zeros(len(examples), most, 4)
    labels = torch.zeros(len(examples), most, dtype=torch.int64)
    weights = torch.zeros(len(examples), most)
    ignored = torch.zeros(len(examples), most, dtype=torch.bool)
    for slot, example in enumerate(examples):
        placement = buffer.fill(slot, ArrayPicture(example.bgr))
        corner = np.array([placement.left, placement.top] * 2, np.float32)
        count = len(example.xyxy)
        boxes[slot, :count] = torch.from_numpy(example.xyxy + corner)
        labels[slot, :count] = torch.from_numpy(example.label)
        weights[slot, :count] = torch.from_numpy(np.where(example.is_ignored, np.float32(0), example.weight))
        ignored[slot, :count] = torch.from_numpy(example.is_ignored)
    pictures = torch.from_numpy(np.asarray(buffer.tensor, np.uint8))
    return Batch(pictures, Targets(boxes, labels, weights, ignored))
