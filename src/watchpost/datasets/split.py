"""Parting a data set so that each part has its share of every class, and no part has a picture of another's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from watchpost.datasets import Dataset
from watchpost.errors import WatchpostError


def split(
    dataset: Dataset, shares: Mapping[str, float], groups: Sequence[Sequence[int]], seed: int = 0
) -> dict[str, Dataset]:
    """Part a data set by `shares` (they sum to 1), never taking a group of pictures apart.

    Stratified as in Sechidis et al., "On the Stratification of Multi-Label Data" (2011): groups with the rarest class
    come first, and each goes to the part that lacks that class most. Pictures without objects count as a class of
    their own. The same data, shares and seed give the same parts. Raises `WatchpostError` when a part stays empty.
    """
    classes = len(dataset.class_names)
    has = np.zeros((len(dataset), classes + 1))
    for index, sample in enumerate(dataset.samples):
        has[index, np.unique(sample.class_id) if len(sample) else [classes]] = 1
    share = np.array(list(shares.values()))[:, None]
    lacks = share * has.sum(axis=0)[None]
    lacks_pictures = share[:, 0] * len(dataset)
    frequency = has.sum(axis=0)
    order = np.random.default_rng(seed).permutation(len(groups))
    counts = [has[list(group)].sum(axis=0) for group in groups]
    rarest = [int(np.where(count > 0, frequency, np.inf).argmin()) for count in counts]
    parts: list[list[int]] = [[] for _ in shares]
    for index in sorted(order, key=lambda index: (frequency[rarest[index]], rarest[index], -len(groups[index]))):
        needs = list(zip(lacks[:, rarest[index]], lacks_pictures, strict=True))
        part = max(range(len(parts)), key=lambda part: needs[part])
        parts[part] += groups[index]
        lacks[part] -= counts[index]
        lacks_pictures[part] -= len(groups[index])
    for name, part_ in zip(shares, parts, strict=True):
        if not part_:
            raise WatchpostError(
                f"nothing is left for {name}: {len(dataset)} pictures in {len(groups)} groups of near-duplicates, "
                "which stay together."
            )
    return {
        name: replace(dataset, name=name, samples=tuple(dataset.samples[index] for index in sorted(part)))
        for name, part in zip(shares, parts, strict=True)
    }
