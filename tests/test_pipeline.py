"""One camera, packet to event."""

from __future__ import annotations

from dataclasses import replace

from fakes import OneFrameAPacket, RowTracker, ScriptedDetector, SeenRule, detections, event, frame, packet
from watchpost.picture import decode_picture
from watchpost.pipeline import Pipeline, frames
from watchpost.types import Event, Moment

PERSON = detections([10, 10, 20, 40])


def test_frames_held_back_by_the_decoder_come_at_the_end() -> None:
    decoded = frames((packet(i) for i in range(5)), OneFrameAPacket(held=2))
    assert [f.index for f in decoded] == [0, 1, 2, 3, 4]


def test_an_object_becomes_an_event_with_a_snapshot() -> None:
    pipeline = Pipeline(ScriptedDetector({1: PERSON}), RowTracker(), [SeenRule()])
    assert pipeline.analyse(frame(0)).events == []
    result = pipeline.analyse(frame(1))
    assert [event.kind for event in result.events] == ["appeared"]
    snapshot = result.events[0].snapshot
    assert snapshot is not None
    assert decode_picture(snapshot).shape == (48, 64, 3)
    assert result.counts == {"seen": 1}


def test_a_snapshot_shows_the_best_of_the_tracks_that_a_rule_took_for_one_and_the_box_lies_in_it() -> None:
    class Joined(SeenRule):
        """Knows that track 2 is track 1 found again, and was seen best."""

        def finish(self, moment: Moment) -> list[Event]:
            return [replace(event("left", 1), best_track_id=2)]

    small, large = [10, 10, 20, 20], [20, 5, 50, 45]
    script = {100: detections(small), 200: detections(small, large)}
    pipeline = Pipeline(ScriptedDetector(script), RowTracker(), [Joined()])
    for index in (100, 200, 0):
        pipeline.analyse(frame(index))
    (left,) = pipeline.finish()
    assert left.track_id == 1
    assert left.snapshot is not None
    assert abs(decode_picture(left.snapshot).mean() - 200) < 2
    assert left.box == (20 / 64, 5 / 48, 50 / 64, 45 / 48)


def test_classes_that_are_not_asked_for_are_left_out() -> None:
    pipeline = Pipeline(ScriptedDetector({0: PERSON}), RowTracker(), classes=frozenset({"car"}))
    assert len(pipeline.analyse(frame(0)).detections) == 0


def test_a_clock_restart_closes_what_was_open_before_anything_else() -> None:
    tracker = RowTracker()
    pipeline = Pipeline(ScriptedDetector({0: PERSON, 1: PERSON}), tracker, [SeenRule()])
    pipeline.analyse(frame(0))
    result = pipeline.analyse(frame(1, is_discontinuous=True))
    assert [event.kind for event in result.events] == ["left", "appeared"]
    assert tracker.resets == 1


def test_finish_reports_what_is_open_once() -> None:
    pipeline = Pipeline(ScriptedDetector({0: PERSON}), RowTracker(), [SeenRule()])
    pipeline.analyse(frame(0))
    assert [event.kind for event in pipeline.finish()] == ["left"]
    assert pipeline.finish() == []


def test_without_a_detector_frames_pass_through() -> None:
    result = Pipeline(None, RowTracker()).analyse(frame(3))
    assert (result.frame.index, len(result.detections)) == (3, 0)


def test_two_rules_that_count_under_one_label_are_told_apart() -> None:
    pipeline = Pipeline(ScriptedDetector({0: PERSON}), RowTracker(), [SeenRule(), SeenRule()])
    assert pipeline.analyse(frame(0)).counts == {"seen": 1, "seen: seen": 1}
