"""The pictures of a recipe, with the classes that it names: some to learn from, some to measure on."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from watchpost.datasets import Dataset, Sample
from watchpost.errors import WatchpostError
from watchpost.training.recipe import Data, DataSet

Read = Callable[[DataSet, tuple[str, ...] | None], Dataset]
"""A set of a recipe as a data set; the class names are those that are learned, `None` while they are unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What a run works with."""

    class_names: tuple[str, ...]
    train: tuple[Sample, ...]
    repeats: NDArray[np.float64]
    """(len(train),): how often an epoch shows each."""
    val: tuple[Sample, ...]


def gather(data: Data, read: Read) -> Pictures:
    """All sets of a recipe. Raises `WatchpostError` when nothing is left to learn from or to measure on."""
    first = read(data.train[0], data.classes)
    class_names = data.classes or first.class_names
    found = [first, *(read(each, class_names) for each in data.train[1:])]
    sets = [(each, _of(dataset, class_names, each)) for each, dataset in zip(data.train, found, strict=True)]
    train = [(sample, each.repeat) for each, dataset in sets for sample in dataset.samples]
    if data.val:
        val = [sample for each in data.val for sample in _of(read(each, class_names), class_names, each).samples]
    else:
        certain = {str(s.picture) for each, dataset in sets if each.labels == "given" for s in dataset.samples}
        held_out = held_out_names(sorted(certain), data.val_share)
        val = [sample for sample, _ in train if str(sample.picture) in held_out]
        train = [(sample, repeat) for sample, repeat in train if str(sample.picture) not in held_out]
    if not any(len(sample) for sample, _ in train):
        raise WatchpostError(f"the training pictures hold no {' or '.join(class_names)}: is data.classes right?")
    if not any(len(sample) for sample in val):
        raise WatchpostError(f"the validation pictures hold no {' or '.join(class_names)}: add some to data.val.")
    samples = tuple(sample for sample, _ in train)
    return Pictures(class_names, samples, np.array([repeat for _, repeat in train]), tuple(val))


def held_out_names(pictures: list[str], share: float) -> frozenset[str]:
    """The share of the pictures that is not learned from: those with the least digests of their file names.

    New pictures do not change on which side the old ones are, but for a few at the border.
    """
    digests = sorted(pictures, key=lambda name: hashlib.sha256(Path(name).name.encode()).digest())
    return frozenset(digests[: max(1, round(len(pictures) * share))])


def _of(dataset: Dataset, class_names: tuple[str, ...], chosen: DataSet) -> Dataset:
    """The data set with the classes that are learned, without the pictures that `chosen` excludes."""
    if dataset.class_names != class_names:
        dataset = dataset.of_classes(class_names)
    unused = [each for each in chosen.exclude if not fnmatch.filter([s.picture.name for s in dataset.samples], each)]
    if unused:
        raise WatchpostError(f"exclude: no picture in {chosen.path} is called like {unused[0]}.")
    kept = [s for s in dataset.samples if not any(fnmatch.fnmatch(s.picture.name, each) for each in chosen.exclude)]
    return replace(dataset, samples=tuple(kept))
