from __future__ import annotations

import numpy as np
import pytest

from watchpost.errors import ConfigError
from watchpost.rules import zone
from watchpost.rules.zone import Options, Zone
from watchpost.types import Moment

ZONES = {"door": np.array([[0.5, 0.5], [1.0, 0.5], [1.0, 1.0], [0.5, 1.0]])}


def rule(**options: object) -> Zone:
    made = Options.model_validate({"zone": "door"} | options)
    return zone.create(made, name="door watch", camera="yard", zones=ZONES, lines={})


def kinds(events: list) -> list[str]:
    return [event.kind for event in events]


def walk(start: float, end: float, from_s: float, seconds: float):
    def at(time_s: float) -> list:
        share = min(1.0, (time_s - from_s) / seconds)
        return [(1, start + (end - start) * share, 0.8)]

    return at


def test_somebody_who_walks_in_and_out_enters_and_exits_once(play) -> None:
    door = rule()
    script = {0: walk(0.1, 0.9, 0, 4), 4: walk(0.9, 0.1, 4, 4)}
    events = play(door, script, until=12)
    assert kinds(events) == ["entered", "exited"]
    assert events[0].zone == "door"
    assert events[0].start.camera_time_s == pytest.approx(2.0, abs=0.11)
    assert events[1].end.camera_time_s == pytest.approx(6.0, abs=0.11)
    assert events[1].attributes["dwell_s"] == pytest.approx(4.0, abs=0.21)


def test_flicker_at_the_edge_is_one_visit(play) -> None:
    def sway(time_s: float) -> list:
        return [(1, 0.5 + 0.02 * np.sin(time_s * 7), 0.8)]

    events = play(rule(), {0: sway, 20: [(1, 0.2, 0.8)]}, until=25)
    assert kinds(events) == ["entered", "exited"]


def test_a_step_over_the_edge_for_a_frame_is_no_visit(play) -> None:
    script = {0: [(1, 0.45, 0.8)], 2: [(1, 0.55, 0.8)], 2.1: [(1, 0.45, 0.8)]}
    assert play(rule(), script, until=6) == []


def test_dwelling_is_reported_once_a_visit(play) -> None:
    door = rule(dwell="5s")
    script = {0: [(1, 0.7, 0.8)], 20: [(1, 0.2, 0.8)], 30: [(1, 0.7, 0.8)], 40: []}
    events = play(door, script, until=45)
    assert kinds(events) == ["entered", "dwelt", "exited"] * 2
    assert events[1].start.camera_time_s == 0
    assert events[1].end.camera_time_s == pytest.approx(5.0, abs=0.11)
    assert events[1].attributes["dwell_s"] == pytest.approx(5.0, abs=0.11)


def test_a_broken_track_goes_on_dwelling(play) -> None:
    script = {0: [(1, 0.7, 0.8)], 4: [], 5: [(2, 0.7, 0.8)]}
    assert kinds(play(rule(dwell=8), script, until=10)) == ["entered", "dwelt"]


def test_who_steps_in_as_another_steps_out_is_not_taken_for_him(play) -> None:
    script = {0: [(1, 0.52, 0.8)], 3: [(1, 0.45, 0.8)], 3.5: [(1, 0.42, 0.8), (2, 0.52, 0.8)], 8: []}
    events = play(rule(), script, until=12)
    assert kinds(events) == ["entered", "entered", "exited", "exited"]
    assert [event.track_id for event in events] == [1, 2, 1, 2]


def test_the_foot_stands_in_a_zone_that_reaches_the_frame_edge_when_the_box_is_cut_off(play) -> None:
    assert kinds(play(rule(), {0: [(1, 0.7, 1.05)]}, until=2)) == ["entered"]


def test_the_centre_can_be_the_anchor(play) -> None:
    script = {0: [(1, 0.7, 0.6)]}
    assert kinds(play(rule(), script, until=2)) == ["entered"]
    assert play(rule(anchor="centre"), script, until=2) == []


def test_who_is_in_the_zone_is_counted_and_exits_at_the_end(play) -> None:
    door = rule()
    play(door, {0: [(1, 0.7, 0.8), (2, 0.2, 0.8)]}, until=2)
    assert door.counts == {"door": 1}
    assert kinds(door.finish(Moment(2, 2))) == ["exited"]


def test_an_unknown_zone_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="names the zone 'gate', which camera 'yard' does not have; it has: door"):
        rule(zone="gate")
    with pytest.raises(ConfigError, match="it has no zones at all"):
        zone.create(Options(zone="x"), name="r", camera="c", zones={}, lines={})


def test_frames_are_needed_while_somebody_stays_where_it_is_counted_how_long(play) -> None:
    inside = {0: [(1, 0.75, 0.8)]}
    counted, plain = rule(dwell=3), rule()
    assert kinds(play(counted, inside, until=4)) == ["entered", "dwelt"]
    assert counted.needs_frames
    play(plain, inside, until=4)
    assert not plain.needs_frames
    assert kinds(play(counted, {5: []}, until=8)) == ["exited"]
    assert not counted.needs_frames
