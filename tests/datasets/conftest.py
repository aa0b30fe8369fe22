"""Tiny data sets on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from watchpost.datasets import Dataset, Sample
from watchpost.picture import encode_jpeg

Boxes = Sequence[tuple[int, Sequence[float]]]


def noise(width: int, height: int, seed: int) -> np.ndarray:
    """A picture of coarse noise: different ones are no near-duplicates."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (9, 10, 3), np.uint8)
    rows, columns = np.arange(height) * 9 // height, np.arange(width) * 10 // width
    return np.ascontiguousarray(coarse[rows][:, columns])


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Dataset]:
    """Makes a data set of `pictures`, each a list of (class, box), with classes cat, dog and bird by default."""

    def make(
        *pictures: Boxes,
        class_names: Sequence[str] = ("cat", "dog", "bird"),
        size: tuple[int, int] = (64, 48),
        names: Sequence[str] | None = None,
        folder: str = "source",
    ) -> Dataset:
        samples = []
        for index, boxes in enumerate(pictures):
            name = names[index] if names else f"{index:03d}.jpg"
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_jpeg(noise(*size, seed=index)))
            count = len(boxes)
            samples.append(
                Sample(
                    path,
                    *size,
                    xyxy=np.array([box for _, box in boxes], np.float64).reshape(-1, 4),
                    class_id=np.array([class_id for class_id, _ in boxes], np.int64),
                    weight=np.ones(count, np.float32),
                    is_ignored=np.zeros(count, np.bool_),
                    name=name,
                )
            )
        return Dataset("made", tuple(class_names), tuple(samples))

    return make
