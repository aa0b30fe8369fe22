"""Every object and every detection is counted once."""

from __future__ import annotations

import numpy as np

from watchpost.evaluation.confusion import Seen, confusion, seen
from watchpost.evaluation.dataset import Truth
from watchpost.types import Detections

NAMES = ("person", "cat")
A, B, C = [0, 0, 50, 50], [100, 100, 150, 150], [300, 300, 350, 350]


def picture(truth: list, found: list, ignored: list[bool] | None = None, name: str = "a.jpg") -> Seen:
    """Truth as (box, class), found as (box, class, confidence)."""
    boxes = np.float64([box for box, _ in truth]).reshape(-1, 4)
    classes = np.int64([number for _, number in truth])
    made = Truth(boxes, classes, np.ones(len(boxes)), np.array(ignored or [False] * len(boxes), np.bool_))
    detections = Detections(
        np.float32([box for box, _, _ in found]).reshape(-1, 4),
        np.float32([confidence for _, _, confidence in found]),
        np.int32([number for _, number, _ in found]),
        (640, 480),
        NAMES,
    )
    return seen(name, made, detections, NAMES, NAMES)


def test_found_taken_for_another_missed_and_false() -> None:
    one = picture([(A, 0), (B, 0), (C, 1)], [(A, 0, 0.9), (B, 1, 0.8), ([400, 0, 450, 50], 1, 0.7)])
    result = confusion([one], NAMES, 0.5)
    assert result.names == ("person", "cat", "nothing")
    assert result.table == ((1, 1, 0), (0, 0, 1), (0, 1, 0))
    assert (result.precision, result.recall) == (1 / 3, 1 / 3)
    (outcome,) = result.pictures
    assert (outcome.found, outcome.missed, outcome.false) == (1, 2, 2)


def test_an_object_goes_to_its_own_class_before_a_surer_other_one() -> None:
    result = confusion([picture([(A, 0)], [(A, 1, 0.9), (A, 0, 0.6)])], NAMES, 0.5)
    assert result.table == ((1, 0, 0), (0, 0, 0), (0, 1, 0))


def test_a_second_detection_of_one_object_is_false() -> None:
    result = confusion([picture([(A, 0)], [(A, 0, 0.9), (A, 0, 0.8)])], NAMES, 0.5)
    assert result.table[2] == (1, 0, 0)


def test_what_is_unsure_does_not_count() -> None:
    result = confusion([picture([(A, 0)], [(A, 0, 0.4)])], NAMES, 0.5)
    assert result.table == ((0, 0, 1), (0, 0, 0), (0, 0, 0))
    assert (result.precision, result.recall) == (None, 0.0)


def test_over_what_is_ignored_nothing_is_false() -> None:
    crowd = [0, 0, 400, 400]
    result = confusion([picture([(crowd, 0), (A, 0)], [(A, 0, 0.9), (B, 0, 0.9)], [True, False])], NAMES, 0.5)
    assert result.table == ((1, 0, 0), (0, 0, 0), (0, 0, 0))


def test_the_worst_pictures_first_and_none_without_fault() -> None:
    pictures = [
        picture([(A, 0)], [(A, 0, 0.9)], name="good"),
        picture([(A, 0)], [], name="bad"),
        picture([(A, 0), (B, 0)], [(C, 0, 0.9)], name="worse"),
    ]
    assert [(each.name, each.index) for each in confusion(pictures, NAMES, 0.5).worst()] == [("worse", 2), ("bad", 1)]
    assert len(confusion(pictures, NAMES, 0.5).worst(1)) == 1


def test_nothing_at_all() -> None:
    result = confusion([picture([], [])], NAMES, 0.5)
    assert sum(map(sum, result.table)) == 0
    assert (result.precision, result.recall) == (None, None)
