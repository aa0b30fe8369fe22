"""The figures of one camera."""

from __future__ import annotations

import pytest

from fakes import detections, frame
from watchpost.clock import ManualClock
from watchpost.pipeline import Analysed
from watchpost.runtime.stats import CameraStats

BOX = [10, 10, 20, 40]


def analysed(index: int, *tracks: int, is_discontinuous: bool = False) -> Analysed:
    boxes = [BOX] * len(tracks)
    return Analysed(frame(index, is_discontinuous=is_discontinuous), detections(*boxes, track_ids=tracks))


def test_a_track_counts_once_however_often_it_comes_back() -> None:
    stats = CameraStats(ManualClock())
    for index, tracks in enumerate([(2, 1), (1,), (3, 2), (), (1, 3)]):
        stats.note(analysed(index, *tracks))
    assert (stats.frames, stats.detections, stats.tracks) == (5, 7, 3)
    stats.note(analysed(5, 1, 2, is_discontinuous=True))  # the tracker counts from 1 again
    assert stats.tracks == 5


def test_the_rate_is_that_of_the_last_five_seconds() -> None:
    clock = ManualClock()
    stats = CameraStats(clock)
    assert (stats.fps(), stats.mean_fps()) == (0.0, 0.0)
    for index in range(100):  # 10 s at 10 fps, then nothing
        clock.advance(0.1)
        stats.note(analysed(index))
    assert stats.fps() == pytest.approx(10, abs=0.3)
    clock.advance(10)
    assert stats.fps() == 0.0
    assert stats.mean_fps() == pytest.approx(5)
