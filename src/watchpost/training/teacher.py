"""Learn from another detector: its boxes on pictures without labels, and what people overlooked on those with labels.

Pseudo-labels: Lee 2013, weighted with the teacher's confidence; the student's target score is then what the teacher
expects. Distillation from boxes alone, so any detector can teach, whatever it is made of.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchpost.datasets import Dataset, Sample
from watchpost.datasets.pictures import picture_size, pictures_below
from watchpost.detectors import Detector
from watchpost.errors import WatchpostError
from watchpost.geometry import box_iou
from watchpost.picture import ArrayPicture, decode_picture
from watchpost.types import Detections, Frame

_SAME_OBJECT: Final = 0.4
"""What the teacher sees counts as overlooked when it overlaps every labelled box by less than this IoU."""

Boxes = list[tuple[float, float, float, float, float, str]]
"""Left, top, right, bottom in pixels, confidence, class name."""

Track = Callable[[Sequence[Path]], Iterable[Path]]
"""Passes pictures on, and may show how far it has come."""


class Answers:
    """A teacher's boxes picture by picture, asked for once and kept in a file: a run that resumes learns the same."""

    def __init__(self, detector: Detector, kept: Path, confidence: float) -> None:
        self._detector, self._kept, self._confidence = detector, kept, confidence
        self._known: dict[str, Boxes] = _read(kept) if kept.is_file() else {}

    def ask(self, pictures: Sequence[Path], track: Track = iter) -> None:
        """Look at all pictures that are not known yet. Raises `WatchpostError` for one that can not be read."""
        unknown = [path for path in pictures if str(path) not in self._known]
        if not unknown:
            return
        for path in track(unknown):
            self._known[str(path)] = self._look(path)
        new = self._kept.with_name(f"{self._kept.name}.{os.getpid()}")  # each of several processes asks
        new.write_text(json.dumps(self._known), encoding="utf-8")
        new.replace(self._kept)

    def of(
        self, path: Path, class_names: Sequence[str]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float32]]:
        """Boxes (N, 4), classes (N,) and confidences (N,) of the classes that are learned."""
        rows = [row for row in self._known[str(path)] if row[5] in class_names and row[4] >= self._confidence]
        xyxy = np.array([row[:4] for row in rows], np.float64).reshape(-1, 4)
        classes = np.array([class_names.index(row[5]) for row in rows], np.int64)
        return xyxy, classes, np.array([row[4] for row in rows], np.float32)

    def _look(self, path: Path) -> Boxes:
        try:
            picture = ArrayPicture(decode_picture(path.read_bytes(), str(path)))
        except OSError as error:
            raise WatchpostError(f"{path} can not be read: {error.strerror}.") from None
        found = self._detector.detect([Frame(path.name, picture, camera_time_s=0.0, wall_time_s=0.0, index=0)])[0]
        return list(_rows(found))


def pseudo_labelled(folder: Path, class_names: Sequence[str], answers: Answers, track: Track = iter) -> Dataset:
    """All pictures below `folder` with the teacher's boxes. Raises `WatchpostError` when there is no picture."""
    pictures = pictures_below(folder)
    if not pictures:
        raise WatchpostError(f"there are no pictures in {folder}.")
    answers.ask(pictures, track)
    samples = []
    for path in pictures:
        xyxy, classes, confidence = answers.of(path, class_names)
        certain = np.zeros(len(xyxy), np.bool_)
        name = path.relative_to(folder).as_posix()
        samples.append(Sample(path, *picture_size(path), xyxy, classes, confidence, certain, name))
    return Dataset(folder.name, tuple(class_names), tuple(samples))


def distilled(dataset: Dataset, answers: Answers, share: float, track: Track = iter) -> Dataset:
    """A labelled data set, and what the teacher sees where nobody labelled anything, with weight share x confidence."""
    answers.ask([sample.picture for sample in dataset.samples], track)
    return replace(dataset, samples=tuple(_completed(sample, dataset, answers, share) for sample in dataset.samples))


def _completed(sample: Sample, dataset: Dataset, answers: Answers, share: float) -> Sample:
    xyxy, classes, confidence = answers.of(sample.picture, dataset.class_names)
    new = box_iou(xyxy, sample.xyxy).max(1, initial=0) < _SAME_OBJECT
    count = int(np.count_nonzero(new))
    area = None
    if sample.area is not None:
        area = np.concatenate([sample.area, (xyxy[new, 2:] - xyxy[new, :2]).prod(1)])
    return replace(
        sample,
        xyxy=np.concatenate([sample.xyxy, xyxy[new]]),
        class_id=np.concatenate([sample.class_id, classes[new]]),
        weight=np.concatenate([sample.weight, confidence[new] * np.float32(share)]),
        is_ignored=np.concatenate([sample.is_ignored, np.zeros(count, np.bool_)]),
        area=area,
    )


def _rows(found: Detections) -> Iterator[tuple[float, float, float, float, float, str]]:
    for row, (box, score) in enumerate(zip(found.xyxy.tolist(), found.confidence.tolist(), strict=True)):
        left, top, right, bottom = (round(side, 2) for side in box)
        yield left, top, right, bottom, round(score, 4), found.class_name(row)


def _read(path: Path) -> dict[str, Boxes]:
    try:
        known: dict[str, Boxes] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise WatchpostError(f"{path} is damaged: delete it, and the teacher is asked again.") from None
    return known
