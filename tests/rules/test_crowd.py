from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from watchpost.errors import ConfigError
from watchpost.rules import crowd
from watchpost.rules.crowd import Crowd, Options
from watchpost.types import Moment

ZONES = {"square": np.array([[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]])}
THREE = [(1, 0.1, 0.8), (2, 0.25, 0.8), (3, 0.4, 0.8)]


def rule(**options: object) -> Crowd:
    made = Options.model_validate({"more_than": 2} | options)
    return crowd.create(made, name="crowd watch", camera="yard", zones=ZONES, lines={})


def kinds(events: list) -> list[str]:
    return [event.kind for event in events]


def test_a_crowd_forms_and_thins(play) -> None:
    events = play(rule(), {0: THREE[:2], 5: THREE, 15: THREE[:1]}, until=25)
    assert kinds(events) == ["crowded", "thinned"]
    formed, thinned = events
    assert formed.start.camera_time_s == thinned.start.camera_time_s == pytest.approx(5.0)
    assert formed.end.camera_time_s == pytest.approx(7.0, abs=0.11)
    assert thinned.end.camera_time_s == pytest.approx(14.9)
    assert formed.attributes == {"count": 3}
    assert thinned.attributes == {"peak": 3, "duration_s": pytest.approx(9.9)}
    assert formed.track_id is None
    assert formed.box == pytest.approx((0.06, 0.4, 0.44, 0.8), abs=1e-6)


def test_as_many_as_the_limit_are_no_crowd(play) -> None:
    assert play(rule(), {0: THREE[:2]}, until=10) == []


def test_one_more_for_a_moment_is_no_crowd(play) -> None:
    assert play(rule(hold=4), {0: THREE[:2], 5: THREE, 6: THREE[:2]}, until=20) == []


def test_one_less_for_a_moment_keeps_the_crowd(play) -> None:
    assert kinds(play(rule(), {0: THREE, 5: THREE[:2], 6.5: THREE}, until=20)) == ["crowded"]


def test_only_the_zone_counts(play) -> None:
    outside = [(1, 0.1, 0.8), (2, 0.3, 0.8), (3, 0.9, 0.8)]
    square = rule(zone="square")
    assert play(square, {0: outside}, until=5) == []
    assert square.counts == {"square": 2}
    events = play(square, {6: THREE}, until=15)
    assert kinds(events) == ["crowded"]
    assert events[0].zone == "square"


def test_a_crowd_that_is_there_at_the_end_thins(play) -> None:
    many = rule()
    play(many, {0: THREE}, until=10)
    events = many.finish(Moment(11, 11))
    assert kinds(events) == ["thinned"]
    assert events[0].end.camera_time_s == 10
    assert many.counts == {"crowd": 0}


def test_the_limit_must_be_given_and_the_zone_must_exist() -> None:
    with pytest.raises(ValidationError, match="more_than"):
        Options()  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="square"):
        rule(zone="circle")


def test_frames_are_needed_while_there_is_a_crowd_or_it_is_not_sure_yet(play) -> None:
    rising = rule(hold=4)
    play(rising, {0: THREE[:2]}, until=5)
    assert not rising.needs_frames
    play(rising, {6: THREE}, until=8)
    assert rising.needs_frames
    assert kinds(play(rising, {9: THREE}, until=15)) == ["crowded"]
    assert rising.needs_frames
    assert kinds(play(rising, {16: THREE[:1]}, until=30)) == ["thinned"]
    assert not rising.needs_frames
