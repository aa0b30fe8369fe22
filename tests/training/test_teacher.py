"""Learning from another detector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import shapes

from watchpost.datasets import Dataset
from watchpost.errors import WatchpostError
from watchpost.training.teacher import Answers, distilled, pseudo_labelled
from watchpost.types import Detections, Frame


class Teacher:
    """Sees a disc left above, everywhere, and something it is not asked for."""

    name = "teacher"
    class_names = ("car", "disc")

    def __init__(self) -> None:
        self.asked = 0

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        self.asked += len(frames)
        boxes = np.array([[0, 0, 20, 20], [50, 50, 70, 70], [70, 10, 90, 30]], np.float32)
        found = np.array([0.8, 0.9, 0.2], np.float32), np.array([1, 0, 1], np.int32)
        return [Detections(boxes, *found, frame.size, self.class_names) for frame in frames]

    def close(self) -> None:
        pass


def test_pictures_without_labels_get_the_teachers(tmp_path: Path):
    shapes.samples(tmp_path / "p", 3)
    teacher = Teacher()
    answers = Answers(teacher, tmp_path / "kept.json", 0.3)
    dataset = pseudo_labelled(tmp_path / "p", shapes.CLASSES, answers)
    assert len(dataset) == 3
    for sample in dataset.samples:
        assert sample.xyxy.tolist() == [[0, 0, 20, 20]]
        assert sample.class_id.tolist() == [0]
        assert sample.weight.tolist() == pytest.approx([0.8])
    again = pseudo_labelled(tmp_path / "p", shapes.CLASSES, Answers(teacher, tmp_path / "kept.json", 0.3))
    assert teacher.asked == 3, "what is kept is not asked again"
    assert again.samples[2].weight.tolist() == dataset.samples[2].weight.tolist()


def test_what_people_overlooked_counts_a_little(tmp_path: Path):
    made = shapes.samples(tmp_path / "p", 6)
    answers = Answers(Teacher(), tmp_path / "kept.json", 0.3)
    taught = distilled(Dataset("d", shapes.CLASSES, made), answers, 0.5)
    more = 0
    for before, after in zip(made, taught.samples, strict=True):
        assert np.array_equal(after.xyxy[: len(before)], before.xyxy)
        assert (after.weight[: len(before)] == 1).all()
        assert (after.weight[len(before) :] == np.float32(0.4)).all()
        more += len(after) - len(before)
    assert 0 < more < len(made) + 1


def test_damaged_answers_and_empty_folders(tmp_path: Path):
    (tmp_path / "kept.json").write_text("{")
    with pytest.raises(WatchpostError, match="delete it"):
        Answers(Teacher(), tmp_path / "kept.json", 0.3)
    with pytest.raises(WatchpostError, match="no pictures"):
        pseudo_labelled(tmp_path, shapes.CLASSES, Answers(Teacher(), tmp_path / "other.json", 0.3))
