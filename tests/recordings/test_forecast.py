from __future__ import annotations

import math
from pathlib import Path

import pytest

from watchpost.recordings.forecast import DAY_S, Flow, days_until_full, grows_for_days, growth
from watchpost.recordings.index import RecordingIndex, Segment

NOW = 1_700_000_000.0


def segment(camera: str, age_s: float, size: int) -> Segment:
    start = NOW - age_s
    return Segment(camera, f"{camera}/{age_s}.mp4", "closed", 0.0, 60.0, start, start + 60, size)


def test_growth_is_that_of_the_last_week(tmp_path: Path) -> None:
    index = RecordingIndex(tmp_path / "recordings.db")
    index.add([segment("old", 30 * DAY_S, 10**9), segment("gate", 20 * DAY_S, 500), segment("new", 600, 50)])
    index.add([segment("gate", day * DAY_S, 700) for day in (7, 6, 5, 4, 3, 2, 1)])
    gate, new, old = growth(index, NOW)
    assert (gate.camera, gate.bytes, gate.oldest_s) == ("gate", 5400, NOW - 20 * DAY_S)
    assert gate.bytes_a_day == pytest.approx(700)
    assert (new.bytes, new.bytes_a_day) == (50, None)
    assert (old.bytes, old.bytes_a_day) == (10**9, None)
    index.close()


@pytest.mark.parametrize(
    ("room", "flows", "days"),
    [
        (100.0, [Flow(10, math.inf)], 10.0),
        (100.0, [Flow(10, math.inf), Flow(40, 1.0)], 6.0),
        (100.0, [Flow(10, 5.0), Flow(10, 4.0)], None),
        (100.0, [Flow(10, 8.0), Flow(10, 3.0)], 7.0),
        (100.0, [Flow(10, 7.0), Flow(10, 3.0)], None),
        (-5.0, [Flow(10, math.inf)], 0.0),
        (100.0, [Flow(0, math.inf)], None),
        (100.0, [], None),
    ],
)
def test_room_lasts_until_it_is_used_up_or_as_much_goes_as_comes(
    room: float, flows: list[Flow], days: float | None
) -> None:
    assert days_until_full(room, flows) == (None if days is None else pytest.approx(days))


def test_a_camera_grows_until_its_oldest_recordings_are_too_old() -> None:
    assert grows_for_days(7 * DAY_S, NOW - 2 * DAY_S, NOW) == pytest.approx(5)
    assert grows_for_days(7 * DAY_S, NOW - 9 * DAY_S, NOW) == 0
    assert grows_for_days(7 * DAY_S, None, NOW) == 7
    assert grows_for_days(None, NOW, NOW) == math.inf
