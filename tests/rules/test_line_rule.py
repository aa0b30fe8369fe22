from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import ConfigError
from watchpost.rules import line
from watchpost.rules.line import Line, Options, distance_to_line, net_crossings
from watchpost.types import Moment

# from bottom to top in mid-picture: right of who walks along it is the picture's right
LINES = {"gate": np.array([[0.5, 1.0], [0.5, 0.5]])}


def rule(**options: object) -> Line:
    made = Options.model_validate({"line": "gate"} | options)
    return line.create(made, name="gate count", camera="yard", zones={}, lines=LINES)


def walk(start: float, end: float, from_s: float, seconds: float = 4.0, y: float = 0.8, track: int = 1):
    def at(time_s: float) -> list:
        share = min(1.0, max(0.0, (time_s - from_s) / seconds))
        return [(track, start + (end - start) * share, y)]

    return at


def ways(events: list) -> list[str]:
    return [event.attributes["direction"] for event in events]


def test_crossings_are_reported_with_direction_and_counts(play) -> None:
    gate = rule()
    script = {0: walk(0.1, 0.9, 0), 4: walk(0.9, 0.1, 4), 8: walk(0.1, 0.9, 8)}
    events = play(gate, script, until=12)
    assert [event.kind for event in events] == ["crossed"] * 3
    assert ways(events) == ["in", "out", "in"]
    assert (events[2].attributes["count_in"], events[2].attributes["count_out"]) == (2, 1)
    assert gate.counts == {"gate in": 2, "gate out": 1}
    assert events[0].zone == "gate"
    assert events[0].start.camera_time_s == pytest.approx(2.0, abs=0.11)
    assert events[0].end.camera_time_s <= 3.0


def test_inward_can_be_the_left(play) -> None:
    assert ways(play(rule(inward="left"), {0: walk(0.1, 0.9, 0)}, until=4)) == ["out"]


def test_swaying_on_the_line_is_one_crossing_when_it_ends_on_the_other_side(play) -> None:
    def sway(time_s: float) -> list:
        return [(1, 0.5 + 0.015 * np.sin(time_s * 9), 0.8)]

    script = {0: walk(0.2, 0.48, 0, 2), 2: sway, 20: walk(0.51, 0.9, 20, 2)}
    assert ways(play(rule(), script, until=24)) == ["in"]


def test_swaying_and_turning_back_is_no_crossing(play) -> None:
    def sway(time_s: float) -> list:
        return [(1, 0.5 + 0.015 * np.sin(time_s * 9), 0.8)]

    script = {0: walk(0.2, 0.48, 0, 2), 2: sway, 20: walk(0.49, 0.1, 20, 2)}
    assert play(rule(), script, until=24) == []


def test_a_jump_over_the_line_for_a_frame_is_no_crossing(play) -> None:
    script = {0: [(1, 0.3, 0.8)], 2: [(1, 0.7, 0.8)], 2.1: [(1, 0.3, 0.8)]}
    assert play(rule(), script, until=6) == []


def test_walking_round_the_end_of_the_line_is_no_crossing(play) -> None:
    assert play(rule(), {0: walk(0.1, 0.9, 0, y=0.45)}, until=6) == []


def test_a_track_that_breaks_at_the_line_still_crosses(play) -> None:
    script = {0: walk(0.2, 0.47, 0, 2), 2: [], 2.8: walk(0.55, 0.9, 2.8, 2, track=2)}
    assert ways(play(rule(), script, until=6)) == ["in"]


def test_somebody_who_is_gone_right_after_the_line_has_crossed(play) -> None:
    script = {0: walk(0.1, 0.55, 0, 2), 2.1: []}
    events = play(rule(), script, until=6)
    assert ways(events) == ["in"]
    assert events[0].end.camera_time_s == pytest.approx(2.0)


def test_two_who_cross_opposite_ways_are_both_counted(play) -> None:
    one, other = walk(0.1, 0.9, 0), walk(0.9, 0.1, 0, y=0.9, track=2)
    gate = rule()
    play(gate, {0: lambda t: one(t) + other(t)}, until=5)
    assert gate.counts == {"gate in": 1, "gate out": 1}


def test_counts_go_on_after_a_restart_of_the_clock(play) -> None:
    gate = rule()
    play(gate, {0: walk(0.1, 0.9, 0)}, until=5)
    gate.finish(Moment(5, 5))
    play(gate, {0: walk(0.1, 0.9, 0)}, until=5)
    assert gate.counts["gate in"] == 2


def test_an_unknown_line_is_refused() -> None:
    with pytest.raises(ConfigError, match="names the line 'fence', which camera 'yard' does not have"):
        rule(line="fence")


BENT = np.array([[5.0, 9.0], [5.0, 5.0], [9.0, 5.0]])


def net(way: list[tuple[float, float]], line: np.ndarray = BENT) -> int:
    points = np.array(way)
    return int(net_crossings(points[:-1], points[1:], line).sum())


def test_crossings_of_a_bent_line() -> None:
    assert net([(1, 7), (7, 7)]) == 1
    assert net([(7, 7), (7, 1)]) == -1
    assert net([(3, 3), (7, 7)]) == 1, "through the corner"
    assert net([(1, 7), (7, 7), (7, 1)]) == 0
    assert net([(4, 7), (5, 7), (6, 7)]) == 1, "with a stop on the line"
    assert net([(4, 7), (5, 7), (4, 7)]) == 0


coordinate = st.integers(0, 10).map(float)


@given(st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=8))
def test_a_closed_way_crosses_an_endless_line_as_often_back_as_forth(way: list) -> None:
    assert net([*way, way[0]], np.array([[5.0, -1e3], [5.0, 1e3]])) == 0


def test_distance_to_a_line() -> None:
    points = np.array([[4.0, 7.0], [5.0, 12.0], [8.0, 5.0]])
    assert distance_to_line(points, BENT).tolist() == [1, 3, 0]
