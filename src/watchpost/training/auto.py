"""A sensible recipe from the data's own statistics, for somebody who knows no recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from watchpost.datasets import Dataset
from watchpost.datasets.detect_format import Found, find, read
from watchpost.errors import WatchpostError
from watchpost.training.recipe import Augment, Data, DataSet, Input, Recipe
from watchpost.training.weights import located

_SIZES: Final = (320, 384, 416, 512, 640)
_SMALL_OBJECT: Final = 16.0
"""Pixels of the input: of a tenth of the objects, the smaller side may be less."""
_STEPS: Final = 12_000
"""Enough from scratch; a tenth of it from weights that know something."""
_VAL: Final = ("val", "valid", "validation", "test")


def recipe_for(path: Path, *, init_from: Path | None = None, epochs: int | None = None) -> Recipe:
    """The recipe for the data set at `path`, split or not. Raises `WatchpostError` where there is none."""
    splits = find(path)
    train = [each for each in splits if each.split in ("", "train", "trainval")]
    val = next(([each] for split in _VAL for each in splits if each.split == split), [])
    if not train:
        raise WatchpostError(f"{path} has no part to train on; it has: {', '.join(each.split for each in splits)}.")
    dataset = read(train[0])
    if not dataset.objects:
        raise WatchpostError(f"{train[0].path} holds no boxes to learn from.")
    batch = 16 if len(dataset) >= 64 else max(1, min(8, len(dataset) // 4))
    if epochs is None:
        steps = _STEPS // (10 if init_from is not None else 1)
        epochs = int(np.clip(round(steps * batch / len(dataset)), 10, 300))
    size = input_size(dataset)
    return Recipe(
        name=path.resolve().stem,
        data=Data(classes=dataset.class_names, train=_sets(train[:1]), val=_sets(val)),
        input=Input(width=size, height=size),
        augment=Augment(
            flip=0.5 if _may_flip(dataset.class_names) else 0.0,
            mosaic=0.5 if len(dataset) >= 50 else 0.25,
            plain_epochs=max(1, epochs // 10),
        ),
        epochs=epochs,
        batch=batch,
        lr=0.001 if init_from is not None else 0.002,
        warmup_epochs=min(3.0, epochs / 10),
        evaluate_every=max(1, epochs // 20),
        init_from=None if init_from is None else located(init_from, Path.cwd()),
    )


def input_size(dataset: Dataset) -> int:
    """The smallest input in which nine tenths of the objects are at least 16 pixels wide and high."""
    sides = [
        (sample.xyxy[:, 2:] - sample.xyxy[:, :2]).min(1) / max(sample.width, sample.height)
        for sample in dataset.samples
        if len(sample)
    ]
    small = float(np.quantile(np.concatenate(sides), 0.1))
    return next((size for size in _SIZES if size * small >= _SMALL_OBJECT), _SIZES[-1])


def _may_flip(class_names: Sequence[str]) -> bool:
    """Mirrored, a left arrow is a right one."""
    return not any(word in name.lower().split() for name in class_names for word in ("left", "right"))


def _sets(found: Sequence[Found]) -> tuple[DataSet, ...]:
    return tuple(DataSet(path=each.path.resolve()) for each in found)
