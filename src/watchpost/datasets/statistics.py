"""A data set in figures: how many of what, and how large."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchpost.datasets import Dataset
from watchpost.geometry import box_area

BINS: Final = ("small", "medium", "large")
"""COCO's: up to 32 x 32, up to 96 x 96, and more pixels."""
_EDGES: Final = (32.0**2, 96.0**2)
RELATIVE_EDGES: Final = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0)
"""Of the square root of the box's share of the picture's area."""


@dataclass(frozen=True, slots=True)
class ClassStatistics:
    """One class."""

    name: str
    objects: int
    pictures: int
    """With at least one of them."""
    sizes: dict[str, int]
    """Objects by COCO's bins; by the area of outlines where they are known."""
    relative_size: tuple[float, float, float] | None
    """5th, 50th and 95th percentile of the square root of the box's share of the picture; `None` without objects."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """A data set."""

    name: str
    pictures: int
    objects: int
    ignored: int
    pseudo_labels: int
    """Objects whose weight is under 1."""
    without_objects: int
    """Pictures in which nothing is labelled: background, or forgotten."""
    most_in_a_picture: int
    picture_sizes: dict[str, int]
    """The most frequent ones, as 640x480."""
    classes: tuple[ClassStatistics, ...]
    unused_classes: tuple[str, ...]
    relative_sizes: tuple[int, ...]
    """Objects between the `RELATIVE_EDGES`."""

    @property
    def sizes(self) -> dict[str, int]:
        """Objects of all classes by COCO's bins."""
        return {name: sum(each.sizes[name] for each in self.classes) for name in BINS}


def statistics(dataset: Dataset) -> Statistics:
    """Count a data set; looks at labels alone."""
    class_id, area, relative = _columns(dataset)
    per_class = [
        _of_class(dataset, index, area[class_id == index], relative[class_id == index])
        for index in range(len(dataset.class_names))
    ]
    sizes = Counter(f"{sample.width}x{sample.height}" for sample in dataset.samples)
    samples = dataset.samples
    return Statistics(
        name=dataset.name,
        pictures=len(dataset),
        objects=dataset.objects,
        ignored=sum(int(sample.is_ignored.sum()) for sample in samples),
        pseudo_labels=sum(int((sample.weight < 1).sum()) for sample in samples),
        without_objects=sum(not len(sample) for sample in samples),
        most_in_a_picture=max(map(len, samples), default=0),
        picture_sizes=dict(sizes.most_common(5)),
        classes=tuple(per_class),
        unused_classes=tuple(each.name for each in per_class if not each.objects),
        relative_sizes=tuple(np.histogram(np.clip(relative, 0, 1), RELATIVE_EDGES)[0].tolist()),
    )


def _columns(dataset: Dataset) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Class, area and relative size of every object."""
    class_id, areas, relative = [np.empty(0, np.int64)], [np.empty(0)], [np.empty(0)]
    for sample in dataset.samples:
        boxes = np.asarray(box_area(sample.xyxy), np.float64)
        class_id.append(sample.class_id)
        areas.append(boxes if sample.area is None else sample.area)
        relative.append(np.sqrt(boxes / max(sample.width * sample.height, 1)))
    return np.concatenate(class_id), np.concatenate(areas), np.concatenate(relative)


def _of_class(
    dataset: Dataset, index: int, area: NDArray[np.float64], relative: NDArray[np.float64]
) -> ClassStatistics:
    counts = np.bincount(np.digitize(area, _EDGES, right=True), minlength=len(BINS))
    low, middle, high = (
        (round(float(each), 4) for each in np.percentile(relative, (5, 50, 95))) if len(area) else (0, 0, 0)
    )
    return ClassStatistics(
        name=dataset.class_names[index],
        objects=len(area),
        pictures=sum(bool((sample.class_id == index).any()) for sample in dataset.samples),
        sizes=dict(zip(BINS, counts.tolist(), strict=True)),
        relative_size=(low, middle, high) if len(area) else None,
    )
