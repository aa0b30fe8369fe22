"""Pictures with the boxes that people drew, ready to be shown to a detector: data sets, and videos with MOT truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchpost.datasets import Dataset, Sample
from watchpost.datasets.mot_text import MotBoxes
from watchpost.errors import WatchpostError
from watchpost.geometry import box_area
from watchpost.picture import ArrayPicture, decode_picture
from watchpost.types import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The M objects that are really in a picture."""

    xyxy: NDArray[np.float64]
    """(M, 4): left, top, right, bottom in pixels."""
    class_id: NDArray[np.int64]
    """(M,): indices into the data's class names."""
    area: NDArray[np.float64]
    """(M,): square pixels, by which COCO tells small from large; of the outline where there is one."""
    is_ignored: NDArray[np.bool_]
    """(M,): crowds and the like: to find them is neither right nor wrong."""

    @classmethod
    def of_boxes(cls, xyxy: NDArray[np.float64], class_id: NDArray[np.int64]) -> Truth:
        """Objects that all count, with the areas of their boxes."""
        xyxy = xyxy.reshape(-1, 4)
        return cls(xyxy, class_id, np.asarray(box_area(xyxy)), np.zeros(len(xyxy), np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A picture and the truth about it."""

    frame: Frame
    truth: Truth


@dataclass(frozen=True, slots=True, eq=False)
class LabelledData:
    """A data set; iterating reads one picture after the other, as often as wanted.

    Iterating raises `WatchpostError` for a picture or label file that can not be read.
    """

    name: str
    class_names: tuple[str, ...]
    count: int
    """Pictures."""
    read: Callable[[], Iterator[Labelled]]

    def __iter__(self) -> Iterator[Labelled]:
        return self.read()


def labelled(dataset: Dataset) -> LabelledData:
    """The pictures of a data set, decoded one by one.

    Raises `WatchpostError` for a picture that has another size than its labels say.
    """

    def read() -> Iterator[Labelled]:
        for index, sample in enumerate(dataset.samples):
            yield Labelled(_read_frame(sample, index), _truth(sample))

    return LabelledData(dataset.name, dataset.class_names, len(dataset), read)


def with_mot(frames: Iterable[Frame], boxes: MotBoxes) -> Iterator[Labelled]:
    """A video's frames with their MOT ground truth of people, from the first labelled frame to the last.

    The first frame is number 1. Rows whose confidence is 0 are to be ignored, as MOTChallenge says.
    """
    if len(boxes) == 0:
        return
    for number, frame in enumerate(frames, start=1):
        if number > boxes.frame[-1]:
            return
        if number < boxes.frame[0]:
            continue
        here = boxes.of_frame(number)
        class_id = np.zeros(len(here), np.int64)
        area = np.asarray(box_area(here.xyxy), np.float64)
        yield Labelled(frame, Truth(here.xyxy, class_id, area, here.confidence == 0))


def _read_frame(sample: Sample, index: int) -> Frame:
    path = sample.picture
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WatchpostError(f"{path} can not be read: {error.strerror}.") from None
    picture = ArrayPicture(decode_picture(data, str(path)))
    if (picture.width, picture.height) != (sample.width, sample.height):
        size, labelled_size = f"{picture.width} x {picture.height}", f"{sample.width} x {sample.height}"
        raise WatchpostError(f"{path} has {size} pixels, its labels are for {labelled_size}.")
    return Frame(path.name, picture, camera_time_s=float(index), wall_time_s=0.0, index=index)


def _truth(sample: Sample) -> Truth:
    area = np.asarray(box_area(sample.xyxy), np.float64) if sample.area is None else sample.area
    return Truth(sample.xyxy, sample.class_id, area, sample.is_ignored)
