"""Where people stood is counted in seconds, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from fakes import SIZE, detections, frame
from watchpost.runtime.footprints import COLUMNS, HOUR_S, ROWS, Footprint, Footprints


def cell(x: float, y: float) -> tuple[int, int]:
    return min(ROWS - 1, int(y / SIZE[1] * ROWS)), min(COLUMNS - 1, int(x / SIZE[0] * COLUMNS))


def test_a_cell_holds_the_seconds_between_frames_of_whoever_stands_there() -> None:
    counted = Footprints()
    expected = np.zeros((ROWS, COLUMNS), np.float32)
    boxes = [(10, 10, 20, 30), (40, 0, 60, 48)]  # the second one's feet are below the picture's last row
    for index in (0, 1, 2, 12):
        counted.see(frame(index), detections(*boxes))
    for seconds in (1.0, 0.1, 0.1, 1.0):  # the first frame and one after a long sleep count a second
        expected[cell(15, 30)] += seconds
        expected[cell(50, 48)] += seconds
    (found,) = counted.take()
    assert (found.camera, found.hour_s) == ("gate", 0)
    np.testing.assert_allclose(found.seconds, expected, rtol=1e-5)
    assert counted.take() == []


def test_frames_without_objects_count_nothing_and_end_the_time_before() -> None:
    counted = Footprints()
    counted.see(frame(0), detections())
    counted.see(frame(3), detections((10, 10, 20, 30)))
    (found,) = counted.take()
    assert found.seconds.sum() == pytest.approx(0.3)


def test_hours_and_cameras_are_apart_and_those_of_other_processes_are_added() -> None:
    counted = Footprints()
    grid = np.ones((ROWS, COLUMNS), np.float32)
    for camera, hour_s in (("gate", 0), ("gate", HOUR_S), ("yard", 0), ("gate", 0)):
        counted.add(Footprint(camera, hour_s, grid))
    found = {(each.camera, each.hour_s): each.seconds.sum() for each in counted.take()}
    assert found == {("gate", 0): 2 * grid.size, ("gate", HOUR_S): grid.size, ("yard", 0): grid.size}


def test_what_nobody_takes_is_bounded() -> None:
    counted = Footprints()
    for hour in range(3000):
        counted.add(Footprint("gate", hour * HOUR_S, np.ones((ROWS, COLUMNS), np.float32)))
    found = counted.take()
    assert [each.hour_s for each in found] == [hour * HOUR_S for hour in range(1000, 3000)]
