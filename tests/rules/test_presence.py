from __future__ import annotations

import numpy as np
import pytest

from watchpost.rules import presence
from watchpost.rules.presence import Options, Presence
from watchpost.types import Detections, Moment


def rule(**options: object) -> Presence:
    return presence.create(Options.model_validate(options), name="who", camera="yard", zones={}, lines={})


def kinds(events: list) -> list[str]:
    return [event.kind for event in events]


def test_a_visit_is_reported_once_as_appeared_and_once_as_left(play) -> None:
    who = rule()
    events = play(who, {0: [], 1: [(7, 0.5, 0.8)], 5: []}, until=10)
    assert kinds(events) == ["appeared", "left"]
    appeared, left = events
    assert appeared.start.camera_time_s == left.start.camera_time_s == 1.0
    assert appeared.end.camera_time_s == pytest.approx(1.3)
    assert left.end.camera_time_s == pytest.approx(4.9)
    assert left.end.wall_time_s == pytest.approx(1_700_000_004.9)
    assert appeared.track_id == left.track_id == 7
    assert left.attributes["duration_s"] == pytest.approx(3.9)
    assert appeared.class_name == "person"
    assert appeared.box == pytest.approx((0.46, 0.4, 0.54, 0.8), abs=1e-6)
    assert appeared.score == pytest.approx(0.8)


def test_presence_is_counted(play) -> None:
    who = rule()
    play(who, {0: [(1, 0.2, 0.8), (2, 0.8, 0.8)]}, until=2)
    assert who.counts == {"present": 2}
    play(who, {2.1: []}, until=6)
    assert who.counts == {"present": 0}


def test_a_false_detection_of_one_frame_is_no_visit(play) -> None:
    assert play(rule(), {0: [(1, 0.5, 0.8)], 0.1: []}, until=5) == []


def test_a_flickering_false_detection_is_no_visit_however_long_it_goes_on(play) -> None:
    def one_frame_in_three(time_s: float) -> list:
        return [(1, 0.5, 0.8)] if round(time_s * 10) % 3 == 0 else []

    assert play(rule(), {0: one_frame_in_three}, until=30) == []


def test_few_frames_a_second_are_enough(play) -> None:
    events = play(rule(), {0: [], 2: [(1, 0.5, 0.8)], 12: []}, until=20, fps=1)
    assert kinds(events) == ["appeared", "left"]
    assert events[0].start.camera_time_s == 2


def test_a_new_track_near_the_place_of_a_lost_one_continues_the_visit(play) -> None:
    script = {0: [(1, 0.5, 0.8)], 3: [], 4: [(2, 0.55, 0.8)], 8: []}
    assert kinds(play(rule(), script, until=12)) == ["appeared", "left"]


@pytest.mark.parametrize("per", ["object", "camera"])
@pytest.mark.parametrize(("first", "second", "best"), [(0.9, 0.6, 1), (0.6, 0.9, 2)])
def test_a_visit_of_two_tracks_keeps_its_number_and_names_the_better_one(
    play, per: str, first: float, second: float, best: int
) -> None:
    who = rule(per=per)
    (appeared,) = play(who, {0: [(1, 0.5, 0.8)], 3: []}, until=3, score=first)
    (left,) = play(who, {3.1: [(2, 0.5, 0.8)], 5: []}, until=8, score=second)
    number = 1 if per == "object" else None
    assert (appeared.track_id, appeared.best_track_id) == (number, 1)
    assert (left.track_id, left.best_track_id) == (number, best)


def test_a_new_track_far_away_is_somebody_else(play) -> None:
    script = {0: [(1, 0.1, 0.8)], 3: [], 3.5: [(2, 0.9, 0.8)], 8: []}
    assert kinds(play(rule(), script, until=12)) == ["appeared", "appeared", "left", "left"]


def test_a_new_track_beside_somebody_who_is_still_seen_is_somebody_else(play) -> None:
    script = {0: [(1, 0.5, 0.8)], 3: [(1, 0.5, 0.8), (2, 0.55, 0.8)], 8: []}
    assert kinds(play(rule(), script, until=12)) == ["appeared", "appeared", "left", "left"]


def test_a_track_that_comes_back_after_its_successor_is_not_counted_into_it(play) -> None:
    script = {0: [(1, 0.5, 0.8)], 2: [], 2.5: [(2, 0.5, 0.8)], 4: [(2, 0.5, 0.8), (1, 0.6, 0.8)]}
    who = rule()
    assert kinds(play(who, script, until=6)) == ["appeared", "appeared"]
    assert who.counts == {"present": 2}


def somebody(time_s: float, since_s: float | None) -> tuple[Detections, Moment]:
    """A frame with a person whose track began at `since_s` (`None`: with nobody), and when it was."""
    count = 0 if since_s is None else 1
    detections = Detections(
        xyxy=np.array([[40, 40, 80, 140]] * count).reshape(-1, 4),
        confidence=np.full(count, 0.9),
        class_id=np.zeros(count),
        frame_size=(400, 200),
        track_id=np.ones(count),
        since_s=np.full(count, since_s or 0.0),
    )
    return detections, Moment(time_s, 1_700_000_000.0 + time_s)


def test_a_visit_begins_with_the_detections_before_its_track_was_confirmed() -> None:
    who = rule()
    for time_s in (0.0, 0.2, 0.4):
        assert who.update(*somebody(time_s, None)) == []
    (appeared,) = who.update(*somebody(0.6, since_s=0.2))  # the third sighting
    assert (appeared.start.camera_time_s, appeared.end.camera_time_s) == (0.2, 0.6)
    assert appeared.start.wall_time_s == 1_700_000_000.2


def test_a_track_that_comes_back_after_patience_began_when_it_came_back() -> None:
    who = rule()
    for step in range(28):
        events = who.update(*somebody(step / 5, None if 5 <= step < 25 else 0.0))
    assert [(event.kind, event.start.camera_time_s) for event in events] == [("appeared", 5.0)]


def test_a_gap_longer_than_patience_makes_two_visits(play) -> None:
    script = {0: [(1, 0.5, 0.8)], 3: [], 6: [(2, 0.5, 0.8)], 8: []}
    assert kinds(play(rule(), script, until=12)) == ["appeared", "left", "appeared", "left"]


def test_somebody_who_comes_back_under_the_same_track_after_patience_has_left_in_between(play) -> None:
    script = {0: [(1, 0.5, 0.8)], 3: [], 6: [(1, 0.5, 0.8)]}
    assert kinds(play(rule(), script, until=8)) == ["appeared", "left", "appeared"]


def test_weak_small_and_other_objects_do_not_count(play) -> None:
    script = {0: [(1, 0.5, 0.8)]}
    assert play(rule(minimum_score=0.6), script, until=3, score=0.5) == []
    assert play(rule(minimum_size=0.3), script, until=3, height=0.2) == []
    assert play(rule(classes=["cat"]), script, until=3) == []
    assert kinds(play(rule(classes=["cat"]), script, until=3, class_id=1)) == ["appeared"]


def test_per_camera_one_visit_lasts_while_anybody_is_seen(play) -> None:
    who = rule(per="camera")
    script = {0: [(1, 0.1, 0.8)], 2: [(2, 0.9, 0.8), (3, 0.5, 0.8)], 5: []}
    events = play(who, script, until=9)
    assert kinds(events) == ["appeared", "left"]
    assert events[0].track_id is None
    assert events[1].end.camera_time_s == pytest.approx(4.9)


def test_finish_reports_those_who_were_present(play) -> None:
    who = rule()
    play(who, {0: [(1, 0.5, 0.8)]}, until=2)
    events = who.finish(Moment(2.0, 1_700_000_002.0))
    assert kinds(events) == ["left"]
    assert who.counts == {"present": 0}


def test_objects_without_tracks_are_refused() -> None:
    loose = Detections(np.array([[0, 0, 9, 9]]), np.array([0.9]), np.array([0]), (100, 100))
    with pytest.raises(ValueError, match="track_id"):
        rule().update(loose, Moment(0.0, 0.0))
