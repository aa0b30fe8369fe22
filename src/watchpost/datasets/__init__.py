"""Labelled pictures on disk. One file a format, with `read(path)` and `write(dataset, folder)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One picture and what people (or a teacher) drew on it. The pixels stay on disk until they are asked for."""

    picture: Path
    width: int
    """Pixels, upright (after EXIF rotation)."""
    height: int
    xyxy: NDArray[np.float64]
    """(N, 4): left, top, right, bottom in pixels; 0 is the left edge of the first pixel, `width` the right edge of the
    last."""
    class_id: NDArray[np.int64]
    """(N,): indices into the data set's class names."""
    weight: NDArray[np.float32]
    """(N,), 0-1: 1 for ground truth, the teacher's confidence for a pseudo-label."""
    is_ignored: NDArray[np.bool_]
    """(N,): crowds, difficult ones: to find them is neither right nor wrong, to learn from them is not asked for."""
    name: str = ""
    """What formats call the picture: its path below the pictures' folder, with `/`."""
    area: NDArray[np.float64] | None = None
    """(N,): square pixels of the outlines, where a format knows them; else the boxes' own areas are meant."""

    def __len__(self) -> int:
        return len(self.xyxy)

    def of_rows(self, rows: NDArray[np.bool_] | NDArray[np.integer]) -> Sample:
        """The picture with the objects of a mask (N,) or of integer indices."""
        return replace(
            self,
            xyxy=self.xyxy[rows],
            class_id=self.class_id[rows],
            weight=self.weight[rows],
            is_ignored=self.is_ignored[rows],
            area=None if self.area is None else self.area[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A data set: class names and samples, in the order of their files."""

    name: str
    class_names: tuple[str, ...]
    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def objects(self) -> int:
        """Boxes in all pictures."""
        return sum(map(len, self.samples))

    def of_classes(self, class_names: Sequence[str]) -> Dataset:
        """The same pictures with these classes, in this order; objects of other classes are left out."""
        index_of = {name: index for index, name in enumerate(class_names)}
        table = np.array([*(index_of.get(name, -1) for name in self.class_names), -1], np.int64)
        samples = []
        for sample in self.samples:
            class_id = table[sample.class_id]
            kept = class_id >= 0
            samples.append(replace(sample.of_rows(kept), class_id=class_id[kept]))
        return Dataset(self.name, tuple(class_names), tuple(samples))
