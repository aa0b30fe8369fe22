"""What every rule must do, whatever it looks for."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from watchpost import plugins
from watchpost.rules import Rule
from watchpost.types import Detections, Event, Moment

SIZE = (640, 480)
ZONES = {"door": np.array([[0.3, 0.2], [0.9, 0.2], [0.9, 1.0], [0.3, 1.0]])}
LINES = {"gate": np.array([[0.5, 0.0], [0.5, 1.0]])}
NEEDED: dict[str, dict[str, object]] = {
    "zone": {"zone": "door", "dwell": 3},
    "line": {"line": "gate"},
    "crowd": {"more_than": 1},
}


@pytest.fixture(params=plugins.names("rules"))
def rule(request: pytest.FixtureRequest) -> Rule:
    module = plugins.load("rules", request.param)
    options = module.Options.model_validate(NEEDED.get(request.param, {}))
    made: Rule = module.create(options, name="my rule", camera="yard", zones=ZONES, lines=LINES)
    return made


def at(time_s: float) -> Moment:
    return Moment(time_s, 1_700_000_000 + time_s)


def crowd_of(count: int, time_s: float, rng: random.Random, start: float = 0.0) -> Detections:
    """People who walk back and forth over the line and the zone, some frames of each missing, boxes past the edges."""
    boxes, tracks = [], []
    for person in range(count):
        if rng.random() < 0.1:
            continue
        x = 320 + 330 * math.sin((time_s - start) / (2 + person) + person) + rng.gauss(0, 4)
        boxes.append((x - 30, 200 + rng.gauss(0, 4), x + 30, 490))
        tracks.append(person + 1)
    return Detections(
        xyxy=np.array(boxes, np.float32).reshape(-1, 4),
        confidence=np.array([rng.uniform(0.3, 1) for _ in boxes], np.float32),
        class_id=np.zeros(len(boxes), np.int32),
        frame_size=SIZE,
        class_names=("person",),
        track_id=np.array(tracks, np.int64),
    )


def busy(rule: Rule, start_s: float = 0.0, seconds: float = 40.0) -> list[Event]:
    rng = random.Random(7)
    events = []
    for frame in range(round(seconds * 8)):  # eighths of a second are exact whatever the clock says
        time_s = start_s + frame / 8
        here = 4 if time_s - start_s < seconds - 8 else 0
        events += rule.update(crowd_of(here, time_s, rng, start_s), at(time_s))
    return events


def test_empty_frames_make_no_events(rule: Rule) -> None:
    assert [event for t in range(100) for event in rule.update(Detections.empty(SIZE), at(t))] == []
    assert rule.finish(at(100)) == []


def test_finish_without_frames_makes_no_events(rule: Rule) -> None:
    assert rule.finish(at(0)) == []


def test_a_busy_scene_makes_sound_events(rule: Rule) -> None:
    events = busy(rule)
    assert events
    assert len({event.id for event in events}) == len(events)
    for event in events:
        assert (event.camera, event.rule) == ("yard", "my rule")
        assert event.class_name == "person"
        assert event.start.camera_time_s <= event.end.camera_time_s <= 40
        assert event.end.wall_time_s - event.end.camera_time_s == pytest.approx(1_700_000_000)
        assert 0.3 <= event.score <= 1
        assert event.box is not None
        left, top, right, bottom = event.box
        assert 0 <= left <= right <= 1
        assert 0 <= top <= bottom <= 1
        assert event.snapshot is None


def test_opening_and_closing_events_balance(rule: Rule) -> None:
    events = busy(rule, seconds=30)
    events += busy(rule, start_s=30, seconds=12)
    events += rule.finish(at(42))
    opened = sum(event.kind in ("appeared", "entered", "crowded") for event in events)
    closed = sum(event.kind in ("left", "exited", "thinned") for event in events)
    assert opened == closed


def test_finish_closes_what_is_open_and_does_so_once(rule: Rule) -> None:
    rng = random.Random(1)
    events = [event for n in range(60) for event in rule.update(crowd_of(4, n / 10, rng), at(n / 10))]
    closing = rule.finish(at(6))
    assert rule.finish(at(6)) == []
    opened = sum(event.kind in ("appeared", "entered", "crowded") for event in events)
    closed = sum(event.kind in ("left", "exited", "thinned") for event in events)
    assert sum(event.kind in ("left", "exited", "thinned") for event in closing) == opened - closed
    assert all(event.end.camera_time_s <= 6 for event in closing)


@pytest.mark.parametrize("restart_s", [0.0, 1e6])
def test_after_a_finish_the_clock_may_start_anywhere(rule: Rule, restart_s: float) -> None:
    first = busy(rule, start_s=5000) + rule.finish(at(5040))
    second = busy(rule, start_s=restart_s) + rule.finish(at(restart_s + 40))
    assert [event.kind for event in second] == [event.kind for event in first]
    assert all(restart_s <= event.start.camera_time_s for event in second)


def test_counts_are_whole_numbers_by_label(rule: Rule) -> None:
    assert all(value == 0 for value in rule.counts.values())
    rng = random.Random(1)
    for n in range(60):
        rule.update(crowd_of(4, n / 10, rng), at(n / 10))
    assert rule.counts
    assert all(isinstance(label, str) and type(value) is int for label, value in rule.counts.items())
    assert any(rule.counts.values())
