"""Labelled pictures on disk, in the formats of the field. One file a format: `read(path)` and `write(dataset, folder)`."""

from __future__ import annotations

from dataclasses import dataclass
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

    def __len__(self) -> int:
        return len(self.xyxy)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A data set: class names and samples, in the order of their files."""

    name: str
    class_names: tuple[str, ...]
    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        return len(self.samples)
