from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.picture import ArrayPicture
from watchpost.types import Detections, Frame
from watchpost.video.draw import Overlay, Trails
from watchpost.video.palette import (
    INK,
    LINE,
    ORANGE,
    WHITE,
    ZONE,
    class_colour,
    contrast_ratio,
    relative_luminance,
    text_colour,
)

ZONES = {"출입구": np.array([[0.1, 0.1], [0.5, 0.1], [0.5, 0.9], [0.1, 0.9]])}
LINES = {"gate": np.array([[0.6, 0.1], [0.9, 0.9]])}


def objects(boxes, size=(640, 360), tracks=None, names=("person", "car")):
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(count, 0.8),
        np.arange(count) % len(names),
        size,
        names,
        track_id=tracks,
    )


def grey(width, height, value=90):
    return np.full((height, width, 3), value, np.uint8)


def frame(time_s, width=640, height=360, **more):
    return Frame("door", ArrayPicture(grey(width, height)), time_s, 0.0, 0, **more)


def has_colour(picture, colour):
    return bool((picture == np.array(colour)).all(axis=2).any())


def test_the_input_is_not_touched_and_the_box_is_where_it_belongs():
    picture = grey(640, 360)
    picture.flags.writeable = False
    drawn = Overlay().draw(picture, objects([[100, 100, 200, 300]], names=("person",)))
    assert (picture == 90).all()
    assert drawn.shape == picture.shape
    assert tuple(drawn[200, 100]) == ORANGE
    assert tuple(drawn[200, 200]) == ORANGE
    assert tuple(drawn[200, 150]) == (90, 90, 90)


def test_boxes_are_scaled_to_a_resized_picture():
    found = objects([[320, 90, 480, 270]], names=("person",))
    drawn = Overlay().draw(grey(1280, 720), found)
    assert tuple(drawn[360, 640]) == ORANGE
    assert tuple(drawn[360, 960]) == ORANGE


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (7, 5), (320, 240), (641, 361), (7680, 4320), (16, 2000)])
def test_any_picture_size_and_boxes_outside_never_fail(size):
    width, height = size
    boxes = [
        [0, 0, width, height],
        [-1e9, -1e9, 1e9, 1e9],
        [width + 5, 5, width + 50, 50],
        [-90, -90, -10, -10],
        [np.nan, 0, 5, 5],
        [0, 0, np.inf, 5],
        [5, 5, 1, 1],
        [0, 0, 0, 0],
    ]
    overlay = Overlay(ZONES, LINES)
    for time_s in (0.0, 0.1, 0.2):
        found = objects(boxes, size, tracks=np.arange(len(boxes)))
        drawn = overlay.annotate(frame(time_s, width, height), found, {"in": 3, "구역": 10**9})
        assert drawn.shape == (height, width, 3)


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    box=st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4),
)
def test_any_box_in_any_picture(size, box):
    drawn = Overlay().draw(grey(*size), objects([box], size, tracks=np.array([1])))
    assert drawn.shape == (size[1], size[0], 3)


def test_an_object_outside_draws_nothing():
    picture = grey(640, 360)
    found = objects([[700, 10, 800, 100], [-90, -90, -10, -10], [np.nan] * 4])
    assert (Overlay().draw(picture, found) == picture).all()


def test_labels_stay_inside_the_picture():
    for box in ([0, 0, 20, 20], [620, 0, 640, 30], [600, 340, 640, 360]):
        found = objects([box], names=("person",))
        drawn = Overlay().draw(grey(640, 360), found)
        inside = (drawn == np.array(ORANGE)).all(axis=2)
        # a label is wider than these boxes; if part of it lay outside, less of it would be seen
        assert 400 < inside.sum() < 4000


def test_labels_of_neighbours_do_not_cover_each_other():
    overlay = Overlay()
    one = objects([[100, 150, 130, 250]], names=("person",))
    two = objects([[100, 150, 130, 250], [104, 152, 134, 252]], names=("person",))
    filled = [(overlay.draw(grey(640, 360), found) == np.array(ORANGE)).all(axis=2).sum() for found in (one, two)]
    assert filled[1] > 1.6 * filled[0]


def test_zones_tint_only_their_inside_and_masks_are_kept_by_size():
    overlay = Overlay(ZONES)
    none = Detections.empty((640, 360))
    drawn = overlay.draw(grey(640, 360), none)
    assert tuple(drawn[180, 200]) == tuple(round(90 * 0.78 + part * 0.22) for part in ZONE)
    assert tuple(drawn[180, 500]) == (90, 90, 90)
    first = overlay._fills[(640, 360)]
    overlay.draw(grey(640, 360), none)
    assert overlay._fills[(640, 360)] is first
    for width in range(100, 200, 10):
        overlay.draw(grey(width, 90), none)
    assert len(overlay._fills) <= 4


def test_korean_text_is_drawn():
    none = Detections.empty((640, 360))
    korean = Overlay().draw(grey(640, 360), none, {"출입구": 1})
    unknown = Overlay().draw(grey(640, 360), none, {"???": 1})
    assert has_colour(korean, WHITE)
    assert (korean != unknown).any()


@pytest.mark.parametrize("points", [np.zeros((2, 2)), np.zeros((3, 3)), np.zeros(4)])
def test_a_zone_of_the_wrong_shape_is_refused(points):
    with pytest.raises(ValueError, match="zone 'a': expected shape"):
        Overlay({"a": points})


@pytest.mark.parametrize("points", [np.zeros((1, 2)), np.zeros((2, 3)), np.zeros(4)])
def test_a_line_of_the_wrong_shape_is_refused(points):
    with pytest.raises(ValueError, match=r"line 'a': expected shape \(2 or more, 2\)"):
        Overlay(lines={"a": points})


def test_a_line_may_have_corners():
    bent = Overlay(lines={"wall": np.array([[0.2, 0.5], [0.5, 0.5], [0.5, 0.9]])})
    drawn = bent.draw(grey(640, 360), Detections.empty((640, 360)))
    for row, column in ((180, 250), (250, 320)):  # one on each side of the corner
        assert drawn[row, column] == pytest.approx(np.array(LINE), abs=40)


def test_trails_are_bounded_in_time_and_number():
    trails = Trails(seconds=2.0)
    for step in range(100):
        trails.add(objects([[step, 0, step + 10, 36]], tracks=np.array([7])), step / 10)
    way = trails.of(7)
    assert 20 <= len(way) <= 21
    assert way[-1] == pytest.approx([(99 + 5) / 640, 0.1])
    many = np.arange(2000)
    trails.add(objects(np.tile([0, 0, 9, 9], (2000, 1)), tracks=many), 10.0)
    assert len(trails._points) <= 512
    trails.add(objects([[0, 0, 9, 9]], tracks=np.array([1])), 13.0)
    assert list(trails._points) == [1]


def test_a_restarted_clock_forgets_the_trails():
    trails = Trails()
    trails.add(objects([[0, 0, 9, 9]], tracks=np.array([1])), 100.0)
    trails.add(objects([[50, 0, 60, 9]], tracks=np.array([1])), 1.0)
    assert len(trails.of(1)) == 1
    overlay = Overlay()
    overlay.observe(frame(1.0), objects([[0, 0, 9, 9]], tracks=np.array([1])))
    overlay.observe(frame(2.0, is_discontinuous=True), objects([[0, 0, 9, 9]], tracks=np.array([1])))
    assert len(overlay._trails.of(1)) == 1


def test_the_trail_is_drawn_where_the_object_has_stood():
    overlay = Overlay()
    for step in range(11):
        found = objects([[40 * step, 100, 40 * step + 20, 300]], tracks=np.array([1]), names=("person",))
        overlay.observe(frame(step / 10), found)
    drawn = overlay.draw(grey(640, 360), found)
    assert (drawn[298:303, 50] != 90).any()
    assert (drawn[298:303, 600] == 90).all()


def test_class_colours_depend_on_the_name_alone_and_text_reads_on_them():
    assert class_colour("person") == ORANGE
    assert class_colour("person") != class_colour("car")
    for name in ("person", "car", "bus", "truck", "bicycle", "forklift", "황소", ""):
        colour = class_colour(name)
        assert colour == class_colour(name)
        assert contrast_ratio(text_colour(colour), colour) >= 4.5


def test_luminance_follows_wcag():
    assert relative_luminance((255, 255, 255)) == pytest.approx(1)
    assert relative_luminance((0, 0, 0)) == 0
    assert relative_luminance((0, 0, 255)) == pytest.approx(0.2126)
    assert contrast_ratio((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert text_colour(WHITE) == INK
    assert text_colour(INK) == WHITE


def test_threads_that_draw_at_once_get_the_same_picture_as_one():
    overlay = Overlay(ZONES, LINES)
    found = objects([[50 * i, 80, 50 * i + 40, 200] for i in range(8)])
    expected = overlay.draw(grey(640, 360), found, {"구역": 4})
    wrong = []

    def work():
        drawn = [overlay.draw(grey(640, 360), found, {"구역": 4}) for _ in range(25)]
        wrong.extend(picture for picture in drawn if (picture != expected).any())

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_drawing_keeps_up_with_a_camera():
    overlay = Overlay(ZONES, LINES)
    found = objects([[100 * i, 100, 100 * i + 80, 400] for i in range(10)], (1280, 720), tracks=np.arange(10))
    picture = grey(1280, 720)
    overlay.draw(picture, found)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        overlay.draw(picture, found, {"in": 1})
        best = min(best, time.perf_counter() - start)
    assert best < 0.02  # measured at about 2 ms; the rest is room for a busy machine
