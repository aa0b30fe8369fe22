"""The currencies check what they are given."""

from __future__ import annotations

import numpy as np
import pytest

from watchpost.types import Detections, new_event_id

NAMES = ("person", "car")


def three() -> Detections:
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6]], np.float64)
    return Detections(
        boxes, np.array([0.9, 0.8, 0.1]), np.array([0, 1, 0]), (10, 10), NAMES, track_id=np.array([1, 2, 3])
    )


def test_arrays_get_their_dtypes_and_are_read_only() -> None:
    found = three()
    assert (found.xyxy.dtype, found.class_id.dtype) == (np.float32, np.int32)
    with pytest.raises(ValueError, match="read-only"):
        found.xyxy[0, 0] = 1


def test_a_wrong_shape_tells_expected_and_actual() -> None:
    with pytest.raises(ValueError, match=r"confidence: expected shape \(1,\), got \(2,\)"):
        Detections(np.zeros((1, 4)), np.zeros(2), np.zeros(1), (10, 10))


def test_boolean_indexing_filters_every_array() -> None:
    some = three()[np.array([True, False, True])]
    assert some.track_id is not None
    assert (len(some), some.track_id.tolist()) == (2, [1, 3])


def test_classes_are_chosen_by_name() -> None:
    assert three().of_classes(frozenset({"car"})).class_name(0) == "car"
    assert len(Detections.empty((4, 4), NAMES).of_classes(frozenset({"car"}))) == 0


def test_event_ids_are_unique_version_7_and_sort_by_time() -> None:
    ids = [new_event_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(len(id_) == 32 and id_[12] == "7" and id_[16] in "89ab" for id_ in ids)
    assert [id_[:12] for id_ in ids] == sorted(id_[:12] for id_ in ids)
