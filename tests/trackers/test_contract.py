"""What every tracker promises, checked for each one that the room brings along."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from watchpost import plugins
from watchpost.trackers import Tracker
from watchpost.types import Detections

FRAME_SIZE = (640, 480)
EMPTY = Detections.empty(FRAME_SIZE, ("person", "car"))


def seen(boxes: Iterable[Iterable[float]], class_id: Iterable[int] | None = None) -> Detections:
    xyxy = np.array(list(boxes), np.float32).reshape(-1, 4)
    classes = np.zeros(len(xyxy), np.int32) if class_id is None else np.array(list(class_id), np.int32)
    return Detections(
        xyxy=xyxy,
        confidence=np.full(len(xyxy), 0.9, np.float32),
        class_id=classes,
        frame_size=FRAME_SIZE,
        class_names=("person", "car"),
    )


def box(x: float, y: float, width: float = 40, height: float = 100) -> tuple[float, float, float, float]:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def ids(tracked: Detections) -> list[int]:
    assert tracked.track_id is not None
    assert np.isfinite(tracked.xyxy).all()
    assert (tracked.track_id > 0).all()
    assert len(set(tracked.track_id.tolist())) == len(tracked)
    return sorted(tracked.track_id.tolist())


@pytest.fixture(params=plugins.names("trackers"))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(name: str) -> Tracker:
    module = plugins.load("trackers", name)
    tracker: Tracker = module.create(module.Options())
    return tracker


@pytest.fixture
def tracker(name: str) -> Tracker:
    return make(name)


def test_room_has_its_trackers() -> None:
    assert {"bytetrack", "centroid", "sort"} <= set(plugins.names("trackers"))


def test_it_tells_the_confidence_that_it_wants(tracker: Tracker) -> None:
    assert 0 < tracker.minimum_confidence < 1


def test_empty_frames(tracker: Tracker) -> None:
    for frame in range(5):
        tracked = tracker.update(EMPTY, frame / 10)
        assert ids(tracked) == []
        assert tracked.class_names == ("person", "car")


def test_a_straight_walk_keeps_its_id(tracker: Tracker) -> None:
    found = [ids(tracker.update(seen([box(50 + 5 * k, 200)]), k / 10)) for k in range(60)]
    assert found[5:] == [[1]] * 55


def test_boxes_lie_on_the_objects(tracker: Tracker) -> None:
    for k in range(30):
        tracked = tracker.update(seen([box(50 + 5 * k, 200)]), k / 10)
    np.testing.assert_allclose(tracked.xyxy[0], box(50 + 5 * 29, 200), atol=6)


def test_crossing_objects_of_different_classes_do_not_swap(tracker: Tracker) -> None:
    for k in range(60):
        boxes = [box(100 + 6 * k, 200), box(460 - 6 * k, 200)]
        tracked = tracker.update(seen(boxes, [0, 1]), k / 10)
        if k == 10:
            assert tracked.track_id is not None
            first = dict(zip(tracked.class_id.tolist(), tracked.track_id.tolist(), strict=True))
    assert tracked.track_id is not None
    assert dict(zip(tracked.class_id.tolist(), tracked.track_id.tolist(), strict=True)) == first
    assert len(first) == 2


def test_a_car_does_not_take_over_a_persons_id(tracker: Tracker) -> None:
    for k in range(10):
        tracked = tracker.update(seen([box(200, 200)], [0]), k / 10)
    person = ids(tracked)
    for k in range(10, 20):
        tracked = tracker.update(seen([box(200, 200)], [1]), k / 10)
    cars = [i for i, c in zip(tracked.track_id.tolist(), tracked.class_id.tolist(), strict=True) if c == 1]  # type: ignore[union-attr]
    assert len(cars) == 1
    assert cars != person


@pytest.mark.parametrize("bad", [0.85, float("nan"), float("inf")])
def test_time_that_steps_back_is_refused(tracker: Tracker, bad: float) -> None:
    for k in range(10):
        tracker.update(seen([box(200, 200)]), k / 10)
    with pytest.raises(ValueError, match="time_s"):
        tracker.update(seen([box(200, 200)]), bad)
    assert ids(tracker.update(seen([box(200, 200)]), 1.0)) == [1]  # the refused frame has left no trace


def test_the_same_time_twice_is_allowed(tracker: Tracker) -> None:
    for _ in range(5):
        tracked = tracker.update(seen([box(200, 200)]), 1.0)
    assert ids(tracked) == [1]


def test_reset_counts_from_one_and_lets_time_start_again(tracker: Tracker) -> None:
    for _ in range(2):
        for k in range(5):
            tracked = tracker.update(seen([box(100, 200), box(400, 200)]), 50 + k / 10)
        assert ids(tracked) == [1, 2]
        tracker.reset()
    for k in range(5):
        tracked = tracker.update(seen([box(100, 200)]), k / 10)
    assert ids(tracked) == [1]


def test_two_trackers_do_not_share_ids(name: str) -> None:
    one, other = make(name), make(name)
    for k in range(5):
        ids(one.update(seen([box(100, 200), box(300, 200)]), k / 10))
        tracked = other.update(seen([box(500, 200)]), k / 10)
    assert ids(tracked) == [1]


def test_uneven_frame_times(tracker: Tracker) -> None:
    time_s, rng = 0.0, np.random.default_rng(1)
    found = []
    for _ in range(60):
        time_s += float(rng.choice([0.0, 0.02, 0.04, 0.1, 0.25]))
        found.append(ids(tracker.update(seen([box(50 + 60 * time_s, 200)]), time_s)))
    assert found[5:] == [[1]] * 55


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_a_short_gap_keeps_the_id(tracker: Tracker, fps: int) -> None:
    def walk(start_s: float, end_s: float) -> Detections:
        for frame in range(round(start_s * fps), round(end_s * fps)):
            tracked = tracker.update(seen([box(50 + 40 * frame / fps, 200)]), frame / fps)
        return tracked

    assert ids(walk(0, 3)) == [1]
    for frame in range(3 * fps, round(3.6 * fps)):
        tracker.update(EMPTY, frame / fps)
    assert ids(walk(3.6, 6)) == [1]


def test_a_long_gap_ends_the_track(tracker: Tracker) -> None:
    for k in range(10):
        tracker.update(seen([box(200, 200)]), k / 10)
    for k in range(100):
        tracker.update(EMPTY, 1 + k)
    for k in range(10):
        tracked = tracker.update(seen([box(200, 200)]), 200 + k / 10)
    assert ids(tracked) == [2]


def test_crowds_and_noise_give_finite_unique_positive_ids(tracker: Tracker) -> None:
    rng = np.random.default_rng(2)
    for k in range(100):
        count = int(rng.integers(0, 40))
        corner = rng.uniform(-50, 600, (count, 2))
        detections = Detections(
            xyxy=np.concatenate([corner, corner + rng.uniform(0, 120, (count, 2))], axis=1),
            confidence=rng.uniform(0, 1, count),
            class_id=rng.integers(0, 2, count),
            frame_size=FRAME_SIZE,
        )
        tracked = tracker.update(detections, k / 10)
        ids(tracked)
        assert (tracked.xyxy[:, 2:] >= tracked.xyxy[:, :2]).all()


def test_masks_keypoints_and_embeddings_stay_with_their_objects(tracker: Tracker) -> None:
    for k in range(10):
        places = [100, 300, 500] if k % 2 else [500, 100, 300]
        detections = Detections(
            xyxy=np.array([box(x, 200) for x in places]),
            confidence=np.full(3, 0.9),
            class_id=np.zeros(3),
            frame_size=FRAME_SIZE,
            mask=np.stack([np.full((2, 2), x == 300) for x in places]),
            keypoints=np.array([[[x, 200, 1.0]] for x in places]),
            embedding=np.array([[float(x)] for x in places]),
        )
        tracked = tracker.update(detections, k / 10)
    assert len(tracked) == 3
    assert tracked.mask is not None
    assert tracked.keypoints is not None
    assert tracked.embedding is not None
    middle = (tracked.xyxy[:, 0] + tracked.xyxy[:, 2]) / 2
    np.testing.assert_allclose(tracked.embedding[:, 0], middle, atol=1)
    np.testing.assert_allclose(tracked.keypoints[:, 0, 0], middle, atol=1)
    assert tracked.mask[:, 0, 0].tolist() == (abs(middle - 300) < 1).tolist()
