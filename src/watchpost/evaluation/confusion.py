"""What becomes of every object and every detection at one confidence: found, taken for another class, missed, false."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchpost.evaluation.dataset import Truth
from watchpost.geometry import box_area, box_iou
from watchpost.types import Detections

MATCH_IOU = 0.5


@dataclass(frozen=True, slots=True)
class PictureOutcome:
    """One picture."""

    name: str
    index: int
    """Its place in the data set, from 0."""
    found: int
    missed: int
    """Objects that nothing of their class covers."""
    false: int
    """Detections that cover no object of their class."""

    @property
    def wrong(self) -> int:
        """Missed and false together."""
        return self.missed + self.false


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts at one confidence and IoU .50; the classes, and last `nothing`."""

    confidence: float
    names: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]
    """Row: what an object is. Column: what it is taken for. Last row: false detections; last column: missed objects."""
    pictures: tuple[PictureOutcome, ...]

    @property
    def precision(self) -> float | None:
        """Share of the detections that are right; `None` without detections."""
        return _share(self._right, sum(sum(row[:-1]) for row in self.table))

    @property
    def recall(self) -> float | None:
        """Share of the objects that are found as what they are; `None` without objects."""
        return _share(self._right, sum(map(sum, self.table[:-1])))

    @property
    def _right(self) -> int:
        return sum(row[place] for place, row in enumerate(self.table[:-1]))

    def worst(self, count: int = 12) -> list[PictureOutcome]:
        """The pictures with most that is missed or false, worst first; none without a fault."""
        return sorted((each for each in self.pictures if each.wrong), key=lambda each: -each.wrong)[:count]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A picture's truth and what was found in it, with class numbers that both share; kept until all are seen."""

    name: str
    xyxy: NDArray[np.float64]
    class_id: NDArray[np.int64]
    is_ignored: NDArray[np.bool_]
    found_xyxy: NDArray[np.float32]
    found_class: NDArray[np.int64]
    confidence: NDArray[np.float32]


def seen(name: str, truth: Truth, found: Detections, classes: Sequence[str], data_classes: Sequence[str]) -> Seen:
    """Keep of truth and detections what belongs to `classes`."""
    number = {each: place for place, each in enumerate(classes)}
    truth_class = np.array([number.get(data_classes[each], -1) for each in truth.class_id], np.int64)
    found_class = np.array([number.get(found.class_name(row), -1) for row in range(len(found))], np.int64)
    mine, theirs = truth_class >= 0, found_class >= 0
    return Seen(
        name,
        truth.xyxy[mine],
        truth_class[mine],
        truth.is_ignored[mine],
        found.xyxy[theirs],
        found_class[theirs],
        found.confidence[theirs],
    )


def confusion(pictures: Iterable[Seen], classes: Sequence[str], confidence: float) -> Confusion:
    """Pair objects and detections one to one, the surest detection first: its own class before others.

    A detection over an ignored object is left out.
    """
    count = len(classes)
    table = np.zeros((count + 1, count + 1), np.int64)
    outcomes = []
    for index, picture in enumerate(pictures):
        paired = _paired(picture, confidence)
        truth_class, found_class, pairs = paired.truth_class, paired.found_class, paired.pairs
        before = table.copy()
        for row, column in pairs:
            table[truth_class[row], found_class[column]] += 1
        for row in set(range(len(truth_class))) - {row for row, _ in pairs}:
            table[truth_class[row], count] += 1
        for column in set(range(len(found_class))) - {column for _, column in pairs}:
            table[count, found_class[column]] += 1
        here = table - before
        right = int(np.trace(here[:count, :count]))
        outcomes.append(
            PictureOutcome(
                picture.name, index, right, int(here[:count].sum()) - right, int(here[:, :count].sum()) - right
            )
        )
    rows = tuple(tuple(int(value) for value in row) for row in table)
    return Confusion(confidence, (*classes, "nothing"), rows, tuple(outcomes))


def judged(picture: Seen, confidence: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Confidence (N,) of each detection that counts, and whether it is right: its class, IoU .50, no second one."""
    paired = _paired(picture, confidence)
    is_right = np.zeros(len(paired.found_class), np.bool_)
    for row, column in paired.pairs:
        is_right[column] = paired.truth_class[row] == paired.found_class[column]
    return paired.confidence, is_right


@dataclass(frozen=True, slots=True, eq=False)
class _Paired:
    """The objects and detections of a picture that count, and which of them belong together: (object, detection)."""

    truth_class: NDArray[np.int64]
    found_class: NDArray[np.int64]
    confidence: NDArray[np.float32]
    pairs: list[tuple[int, int]]


def _paired(picture: Seen, confidence: float) -> _Paired:
    order = np.argsort(-picture.confidence, kind="stable")
    order = order[picture.confidence[order] >= confidence]
    boxes, found_class = picture.found_xyxy[order].astype(np.float64), picture.found_class[order]
    objects = picture.xyxy[~picture.is_ignored]
    truth_class = picture.class_id[~picture.is_ignored]
    overlap = box_iou(objects, boxes)
    pairs: list[tuple[int, int]] = []
    for same_class in (True, False):
        for column in range(len(boxes)):
            if any(column == taken for _, taken in pairs):
                continue
            fits = (truth_class == found_class[column]) == same_class
            free = np.ones(len(objects), np.bool_)
            free[[row for row, _ in pairs]] = False
            candidates = np.where(fits & free, overlap[:, column], 0)
            if len(candidates) and candidates.max() >= MATCH_IOU:
                pairs.append((int(candidates.argmax()), column))
    paired = {column for _, column in pairs}
    ignored = _over_ignored(picture, boxes)
    keep = [column for column in range(len(boxes)) if column in paired or not ignored[column]]
    place = {column: at for at, column in enumerate(keep)}
    together = [(row, place[column]) for row, column in pairs]
    return _Paired(truth_class, found_class[keep], picture.confidence[order][keep], together)


def _over_ignored(picture: Seen, boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which boxes lie, by half or more of themselves, in an ignored object, as COCO counts crowds."""
    crowds = picture.xyxy[picture.is_ignored]
    if not len(crowds) or not len(boxes):
        return np.zeros(len(boxes), np.bool_)
    corner = np.maximum(crowds[:, None, :2], boxes[None, :, :2])
    size = (np.minimum(crowds[:, None, 2:], boxes[None, :, 2:]) - corner).clip(min=0)
    inside = size.prod(-1) / np.maximum(np.asarray(box_area(boxes)), 1e-9)
    return np.asarray(inside.max(axis=0) >= MATCH_IOU, np.bool_)
