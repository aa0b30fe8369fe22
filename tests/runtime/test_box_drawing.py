"""Boxes of the analysis, drawn into the frames of a live stream by their times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from watchpost.config import loads
from watchpost.picture import ArrayPicture
from watchpost.runtime.box_drawing import BoxDrawing, CameraShapes, detections_of
from watchpost.runtime.boxes import Boxes, BoxFeed, SeenObject
from watchpost.types import Frame, Moment

ZONE = {"door": np.array([[0.0, 0.0], [0.2, 0.0], [0.2, 0.2]])}


def frame(time_s: float) -> Frame:
    return Frame("gate", ArrayPicture(np.full((240, 320, 3), 90, np.uint8)), time_s, 1000 + time_s, round(time_s * 10))


def boxes(time_s: float, left: float) -> Boxes:
    seen = SeenObject((left, 0.4, left + 0.2, 0.8), "person", 0.9, 7)
    return Boxes("gate", Moment(time_s, 1000 + time_s), (seen,), {})


def changed(picture: NDArray[np.uint8], left: float) -> bool:
    """Whether something is drawn around a box at `left`."""
    part = picture[100:190, round(left * 320) - 4 : round((left + 0.2) * 320) + 4]
    return bool((part != 90).any())


def test_each_frame_has_the_newest_boxes_that_are_not_after_it() -> None:
    feed = BoxFeed()
    with BoxDrawing(feed, lambda _camera: ({}, {})).of("gate") as draw:
        assert not changed(draw(frame(0.0)), 0.1), "nothing is known yet"
        feed.publish(boxes(0.2, 0.1))
        feed.publish(boxes(0.4, 0.6))
        assert not changed(draw(frame(0.1)), 0.1)
        first = draw(frame(0.3))
        assert changed(first, 0.1)
        assert not changed(first, 0.6)
        second = draw(frame(0.4))
        assert changed(second, 0.6)
        assert changed(draw(frame(2.3)), 0.6)
        assert not changed(draw(frame(2.5)), 0.6), "boxes that are 2 s old belong to nothing"
        feed.publish(boxes(2.6, 0.1))
        assert changed(draw(frame(2.6)), 0.1)
    assert not feed.watched()


def test_zones_are_drawn_without_any_boxes() -> None:
    with BoxDrawing(BoxFeed(), lambda _camera: (ZONE, {})).of("gate") as draw:
        assert (draw(frame(0.0))[:40, :60] != 90).any()


def test_boxes_in_pixels() -> None:
    found = detections_of(boxes(0.0, 0.5), (320, 240))
    assert np.allclose(found.xyxy, [[160, 96, 224, 192]])
    assert (found.class_name(0), found.track_id) == ("person", np.array([7]))
    nothing = detections_of(Boxes("gate", Moment(0, 0), ()), (320, 240))
    assert len(nothing) == 0


def test_changed_zones_are_drawn_into_the_pictures_of_those_who_watch() -> None:
    one = "cameras: {gate: {source: 'synthetic:'ZONES}, yard: {source: 'synthetic:'}}"
    shapes = CameraShapes(loads(one.replace("ZONES", "")))
    with BoxDrawing(BoxFeed(), shapes).of("gate") as draw:
        assert not (draw(frame(0.0)) != 90).any()
        yard = shapes("yard")
        shapes.apply(loads(one.replace("ZONES", ", zones: {door: [[0, 0], [0.2, 0], [0.2, 0.2]]}")))
        assert (draw(frame(0.1))[:40, :60] != 90).any()
        assert shapes("yard") is yard, "a camera that has not changed is not drawn anew"
