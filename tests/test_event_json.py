from __future__ import annotations

import json

import numpy as np
import pytest

from watchpost.event_json import event_from_json, event_to_json
from watchpost.types import Event, Moment

EVENT = Event(
    id="a" * 32,
    camera="yard",
    rule="line",
    kind="crossed",
    class_name="person",
    track_id=4,
    start=Moment(1.25, 1_700_000_000.5),
    end=Moment(2.0, 1_700_000_001.25),
    score=0.75,
    box=(0.0, 0.25, 0.5, 1.0),
    zone="gate",
    attributes={"direction": "in", "in": 3},
    snapshot=b"jpeg",
)


def test_an_event_comes_back_from_its_json() -> None:
    data = json.loads(json.dumps(event_to_json(EVENT)))
    assert event_from_json(data, snapshot=b"jpeg") == EVENT


def test_moments_are_readable_and_the_snapshot_stays_out() -> None:
    data = event_to_json(EVENT)
    assert data["start"]["time"] == "2023-11-14T22:13:20.500Z"
    assert data["has_snapshot"] is True
    assert "snapshot" not in data


def test_numbers_of_numpy_become_plain() -> None:
    event = Event(
        *("a", "b", "c", "left", "person", None),
        Moment(np.float64(1), np.float64(2)),
        Moment(1, 2),
        np.float32(0.5),
        tuple(np.zeros(4, np.float32)),  # type: ignore[arg-type]
    )
    assert event_from_json(json.loads(json.dumps(event_to_json(event)))).score == 0.5


@pytest.mark.parametrize("broken", [{}, {"box": 3}, {"start": None}, {"attributes": 5}, {"score": "much"}])
def test_what_is_no_event_is_refused(broken: dict) -> None:
    data = event_to_json(EVENT) | broken if broken else {}
    with pytest.raises(ValueError, match=r"event|float"):
        event_from_json(data)
