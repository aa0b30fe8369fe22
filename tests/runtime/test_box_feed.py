"""Boxes reach those who read them, each with the time of its frame; a slow reader loses its own."""

from __future__ import annotations

import json

import pytest

from fakes import detections, frame
from watchpost.pipeline import Analysed
from watchpost.runtime.boxes import HELD, Boxes, BoxFeed, boxes_from_json, boxes_to_json
from watchpost.types import Moment


def analysed(index: int, camera: str = "gate") -> Analysed:
    found = detections((16, 12, 32, 24), track_ids=[7])
    return Analysed(frame(index, camera=camera), found, counts={"gate line in": index})


def test_a_reader_is_told_what_is_found_in_fractions_of_the_picture_and_when() -> None:
    feed = BoxFeed()
    feed.see(analysed(1))  # nobody reads
    with feed.open("gate") as reader:
        feed.see(analysed(2))
        feed.see(analysed(3, camera="door"))
        (boxes,) = reader.take()
    assert (boxes.moment.camera_time_s, boxes.moment.wall_time_s) == (0.2, 1000.2)
    assert boxes.counts == {"gate line in": 2}
    (found,) = boxes.objects
    assert (found.box, found.class_name, found.track_id) == ((0.25, 0.25, 0.5, 0.5), "person", 7)
    assert found.confidence == pytest.approx(0.9)


def test_a_slow_reader_loses_the_oldest_and_no_other_notices() -> None:
    feed = BoxFeed()
    with feed.open("gate") as slow, feed.open("gate") as quick:
        for index in range(HELD + 5):
            feed.see(analysed(index))
            assert len(quick.take()) == 1
        assert slow.lost == 5
        assert slow.take()[0].counts == {"gate line in": 5}
        assert quick.lost == 0


def test_news_are_told_once_until_they_are_taken() -> None:
    feed = BoxFeed()
    told: list[int] = []
    with feed.open("gate", lambda: told.append(1)) as reader:
        feed.see(analysed(0))
        feed.see(analysed(1))
        assert len(told) == 1
        reader.take()
        feed.see(analysed(2))
        assert len(told) == 2


def test_boxes_of_another_process_are_asked_for_while_somebody_reads() -> None:
    seen: list[tuple[str, bool]] = []
    feed = BoxFeed(lambda camera: seen.append((camera, camera in feed.watched())))
    first, second = feed.open("gate"), feed.open("gate")
    first.close()
    assert seen == [("gate", True)]
    second.close()
    second.close()
    assert seen == [("gate", True), ("gate", False)]
    feed.see(analysed(0))
    assert second.take() == []


def test_json_tells_all() -> None:
    feed = BoxFeed()
    with feed.open("gate") as reader:
        feed.see(analysed(4))
        (boxes,) = reader.take()
    said = json.loads(json.dumps(boxes_to_json(boxes)))
    assert said["objects"] == [{"box": [0.25, 0.25, 0.5, 0.5], "class": "person", "confidence": 0.9, "track": 7}]
    again = boxes_from_json(said)
    assert again.moment == boxes.moment
    assert [each.box for each in again.objects] == [each.box for each in boxes.objects]


@pytest.mark.parametrize(
    "change", [{"objects": [{}]}, {"objects": None}, {"counts": []}, {"camera_time_s": None}, {"camera_time_s": "soon"}]
)
def test_what_are_no_boxes_is_an_error(change: dict[str, object]) -> None:
    good = boxes_to_json(Boxes("gate", Moment(1.0, 2.0), ()))
    boxes_from_json(good)
    with pytest.raises(ValueError, match=r"."):
        boxes_from_json({**good, **change})
