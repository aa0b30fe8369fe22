"""What is wrong with a data set: boxes, pictures, and pictures that are in two splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from watchpost.datasets import Dataset, Sample
from watchpost.datasets.duplicates import MAX_BITS, Thumbnail, near_duplicates, thumbnail
from watchpost.datasets.labels import Progress, nothing
from watchpost.datasets.pictures import is_cut_off
from watchpost.errors import WatchpostError
from watchpost.geometry import box_iou
from watchpost.picture import decode_picture

KINDS: Final = {
    "label": "malformed label",
    "unreadable": "picture that can not be read",
    "size": "picture of another size than its labels say",
    "outside": "box outside of its picture",
    "empty": "box without area",
    "duplicate": "object labelled twice",
    "leak": "picture that is in two splits",
}
_TOLERANCE: Final = 1.0
"""Pixels by which a box may reach over the edge: label tools round in many ways."""
_SAME_OBJECT: Final = 0.95
"""Overlap (IoU) above which two boxes of one class are one object labelled twice."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    kind: str
    """One of `KINDS`."""
    split: str
    place: str
    """The picture, or the label file and line."""
    detail: str


def check_boxes(split: str, sample: Sample) -> Iterator[Problem]:
    """Boxes outside of the picture, without area, or there twice."""
    place, size = str(sample.picture), np.array([sample.width, sample.height] * 2)
    beyond = np.maximum(-sample.xyxy, sample.xyxy - size).max(axis=1, initial=0)
    least_side = (sample.xyxy[:, 2:] - sample.xyxy[:, :2]).min(axis=1, initial=np.inf)
    for row, box in enumerate(sample.xyxy):
        shown = f"box {row + 1}: {box[0]:.1f} {box[1]:.1f} {box[2]:.1f} {box[3]:.1f}"
        if beyond[row] > _TOLERANCE:
            yield Problem("outside", split, place, f"{shown}, the picture has {sample.width} x {sample.height} pixels")
        if least_side[row] <= 0:
            yield Problem("empty", split, place, shown)
    same = np.triu(box_iou(sample.xyxy, sample.xyxy) >= _SAME_OBJECT, 1)
    same |= np.triu((sample.xyxy[:, None] == sample.xyxy[None]).all(axis=2), 1)
    for first, second in np.argwhere(same & (sample.class_id[:, None] == sample.class_id[None])):
        yield Problem("duplicate", split, place, f"boxes {first + 1} and {second + 1} are one object")


def check(splits: Mapping[str, Dataset], max_bits: int = MAX_BITS, progress: Progress = nothing) -> list[Problem]:
    """All problems of data sets that are the splits of one; decodes every picture.

    `max_bits` of 64 bits of the pictures' hashes may differ in near-duplicates.
    """
    problems: list[Problem] = []
    thumbnails: list[Thumbnail] = []
    owners: list[tuple[str, Path]] = []
    for split, dataset in splits.items():
        for sample, (look, problem) in zip(dataset.samples, look_at(dataset.samples), strict=True):
            if look is not None:
                thumbnails.append(look)
                owners.append((split, sample.picture))
            if problem is not None:
                problems.append(Problem(*problem[:1], split, str(sample.picture), problem[1]))
            problems += check_boxes(split, sample)
            progress()
    if len(splits) > 1:
        for first, second in near_duplicates(thumbnails, max_bits):
            (split, picture), (other_split, other) = owners[first], owners[second]
            if split != other_split:
                problems.append(Problem("leak", split, str(picture), f"looks like {other} in {other_split}"))
    return problems


def look_at(samples: Sequence[Sample]) -> Iterator[tuple[Thumbnail | None, tuple[str, str] | None]]:
    """For each sample the picture's thumbnail, if it can be decoded, and kind and detail of what is wrong with it."""
    with ThreadPoolExecutor() as pool:
        # in portions, so that a caller who stops early does not wait for all
        starts = [*range(0, len(samples), 64), len(samples)]
        for start, end in pairwise(starts):
            yield from pool.map(_look, samples[start:end])


def _look(sample: Sample) -> tuple[Thumbnail | None, tuple[str, str] | None]:
    try:
        data = sample.picture.read_bytes()
        picture = decode_picture(data, sample.picture.name)
    except OSError as error:
        return None, ("unreadable", error.strerror or "can not be read")
    except WatchpostError as error:
        return None, ("unreadable", str(error))
    height, width = picture.shape[:2]
    problem = ("unreadable", "it is cut off: its end is missing") if is_cut_off(data) else None
    if (width, height) != (sample.width, sample.height):
        problem = "size", f"it has {width} x {height} pixels, its labels are for {sample.width} x {sample.height}"
    return thumbnail(picture), problem
