"""Batches: letterboxed as at inference, the same for the same seed, whatever the number of threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapes
import torch

from watchpost.detectors.card import InputSpec
from watchpost.detectors.preprocess import InputBuffer
from watchpost.errors import WatchpostError
from watchpost.picture import ArrayPicture, decode_picture
from watchpost.training.loader import Batch, PictureCache, TrainLoader, collated, epoch_order
from watchpost.training.recipe import Augment

SPEC = InputSpec(width=96, height=64, fit="centre", pad=114, colour="bgr")


def batches(cache: PictureCache, epoch: int, first: int = 0, workers: int = 0, **more: int) -> list[Batch]:
    loader = TrainLoader(cache, np.ones(len(cache)), Augment(), batch=2, seed=5, workers=workers, **more)
    found = list(loader.batches(epoch, first))
    loader.close()
    return found


def same(a: Batch, b: Batch) -> bool:
    return torch.equal(a.pictures, b.pictures) and torch.equal(a.targets.boxes, b.targets.boxes)


def test_without_changes_a_picture_comes_in_as_at_inference(tmp_path: Path):
    sample = shapes.samples(tmp_path, 1, size=150)[0]
    batch = collated([PictureCache([sample], SPEC, 10).example(0)], SPEC)
    buffer = InputBuffer(SPEC, 1, np.dtype(np.uint8))
    placement = buffer.fill(0, ArrayPicture(decode_picture(sample.picture.read_bytes())))
    assert np.array_equal(batch.pictures.numpy(), buffer.tensor)
    picture = ArrayPicture(np.zeros((150, 150, 3), np.uint8))
    assert placement.to_picture(batch.targets.boxes[0].numpy(), picture) == pytest.approx(sample.xyxy, abs=1e-3)


def test_a_batch_depends_on_seed_epoch_and_place_alone(tmp_path: Path):
    made = shapes.samples(tmp_path, 8)
    first = batches(PictureCache(made, SPEC, 10), 3)
    assert len(first) == 4
    threads = batches(PictureCache(made, SPEC, 0), 3, workers=3)
    late = batches(PictureCache(made, SPEC, 10), 3, first=2)
    assert all(map(same, first, threads))
    assert all(map(same, first[2:], late))
    assert not same(first[0], batches(PictureCache(made, SPEC, 10), 4)[0])


def test_two_processes_share_each_batch(tmp_path: Path):
    cache = PictureCache(shapes.samples(tmp_path, 8), SPEC, 10)
    whole = batches(cache, 0)
    halves = [batches(cache, 0, rank=rank, world=2) for rank in range(2)]
    for step, batch in enumerate(whole):
        assert torch.equal(batch.pictures, torch.cat([half[step].pictures for half in halves]))


def test_ignored_objects_have_no_weight(tmp_path: Path):
    cache = PictureCache(shapes.samples(tmp_path, 1), SPEC, 10)
    example = cache.example(0)
    example.is_ignored[:] = True
    batch = collated([example], SPEC)
    assert batch.targets.ignored.all()
    assert not batch.targets.weights.any()


def test_a_broken_number_of_repeats_reaches_every_picture_in_time():
    seen = np.zeros(40)
    for epoch in range(4):
        order = epoch_order(np.full(40, 0.25), 0, epoch)
        assert len(order) < 25
        seen += np.bincount(order, minlength=40)
    assert (seen == 1).all()
    assert sorted(epoch_order(np.array([2.0, 1.0]), 0, 0)) == [0, 0, 1]


def test_memory_is_bounded(tmp_path: Path):
    cache = PictureCache(
        shapes.samples(tmp_path, 2, size=600), InputSpec(width=608, height=608, fit="centre", pad=114, colour="bgr"), 2
    )
    assert cache.example(0).bgr is cache.example(0).bgr
    assert cache.example(1).bgr is not cache.example(1).bgr


def test_a_picture_that_has_gone_is_named(tmp_path: Path):
    sample = shapes.samples(tmp_path, 1)[0]
    sample.picture.unlink()
    with pytest.raises(WatchpostError, match=r"000\.png"):
        PictureCache([sample], SPEC, 10).example(0)
