"""What sets ByteTrack apart: the unsure detections."""

from __future__ import annotations

import numpy as np

from watchpost.trackers.bytetrack import Options, create
from watchpost.types import Detections


def seen(*objects: tuple[float, float]) -> Detections:
    """People of 40 x 100 pixels at (x, confidence)."""
    x = np.array([each[0] for each in objects], np.float32)
    return Detections(
        xyxy=np.stack([x, np.full_like(x, 100), x + 40, np.full_like(x, 200)], axis=1),
        confidence=np.array([each[1] for each in objects], np.float32),
        class_id=np.zeros(len(x), np.int32),
        frame_size=(640, 480),
    )


def found(tracked: Detections) -> dict[int, float]:
    """Left edges by id."""
    assert tracked.track_id is not None
    return dict(zip(tracked.track_id.tolist(), tracked.xyxy[:, 0].round().tolist(), strict=True))


def test_an_unsure_detection_continues_a_track_but_starts_none() -> None:
    tracker = create(Options())
    for k in range(5):
        tracker.update(seen((100, 0.9), (400, 0.3)), k / 10)
    assert found(tracker.update(seen((100, 0.3), (400, 0.3)), 0.5)) == {1: 100}


def test_a_track_begins_with_the_unsure_detections_before_the_sure_one() -> None:
    tracker = create(Options())
    for k in range(3):
        assert found(tracker.update(seen((100 + k, 0.4)), k / 10)) == {}
    tracked = tracker.update(seen((103, 0.9)), 0.3)
    assert tracked.since_s is not None
    assert tracked.since_s.tolist() == [0.0]
    assert tracker.update(seen((104, 0.9)), 0.4).since_s.tolist() == [0.0]


def test_what_was_unsure_for_long_is_not_who_comes_in_front_of_it() -> None:
    tracker = create(Options())
    for k in range(50):
        assert found(tracker.update(seen((100, 0.5)), k / 10)) == {}
    assert tracker.update(seen((100, 0.9)), 5.0).since_s.tolist() == [4.0]


def test_sure_but_not_sure_enough_to_be_told_of() -> None:
    tracker = create(Options())
    for k in range(5):
        assert found(tracker.update(seen((100, 0.65)), k / 10)) == {}


def test_what_is_below_the_minimum_is_not_used() -> None:
    tracker = create(Options(minimum_confidence=0.2))
    for k in range(5):
        tracker.update(seen((100, 0.9)), k / 10)
    assert found(tracker.update(seen((100, 0.15)), 0.5)) == {}


def test_a_sure_detection_is_taken_before_an_unsure_one_that_fits_better() -> None:
    tracker = create(Options())
    for k in range(5):
        tracker.update(seen((100, 0.9)), k / 10)
    tracked = tracker.update(seen((100, 0.3), (115, 0.9)), 0.5)
    assert tracked.confidence.tolist() == [np.float32(0.9)]


def test_a_track_out_of_sight_is_found_again_by_sure_detections_only() -> None:
    tracker = create(Options())
    for k in range(5):
        tracker.update(seen((100, 0.9)), k / 10)
    tracker.update(seen(), 0.5)
    assert found(tracker.update(seen((100, 0.3)), 0.6)) == {}
    assert found(tracker.update(seen((100, 0.9)), 0.7)) == {1: 100}


def test_a_false_alarm_of_one_frame_gets_no_id() -> None:
    tracker = create(Options())
    for k in range(20):
        blink = [(500.0, 0.9)] if k % 2 else []
        tracked = tracker.update(seen((100, 0.9), *blink), k / 10)
    assert found(tracked) == {1: 100}
    for k in range(20, 23):
        tracked = tracker.update(seen((100, 0.9), (300, 0.9)), k / 10)
    assert found(tracked) == {1: 100, 2: 300}  # the false alarms have used up no numbers
