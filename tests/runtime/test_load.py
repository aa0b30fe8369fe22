"""What is given up under load, in the declared order, told, and taken back without flapping."""

from __future__ import annotations

import itertools

import pytest

from watchpost.clock import ManualClock
from watchpost.config.detection import LoadOptions
from watchpost.runtime.adaptive import Wish
from watchpost.runtime.load import Level, Load, LoadChange, LoadControl

TOO_MUCH = Load(wanted=100, dropped=40, busy=1.0)
JUST_RIGHT = Load(wanted=100, dropped=0, busy=0.8)
LITTLE = Load(wanted=100, dropped=0, busy=0.3)


def looks(control: LoadControl, clock: ManualClock, load: Load, seconds: int) -> list[LoadChange]:
    """What one look a second says."""
    changes = []
    for _ in range(seconds):
        clock.advance(1)
        if change := control.look(load):
            changes.append(change)
    return changes


def test_levels_come_in_the_declared_order_and_each_is_told() -> None:
    clock = ManualClock()
    control = LoadControl(LoadOptions(), clock, has_smaller=True)
    changes = looks(control, clock, TOO_MUCH, 60)
    assert [(change.before, change.after) for change in changes] == [(0, 1), (1, 2), (2, 3)]
    assert changes[0].wall_time_s == pytest.approx(1_700_000_004)
    assert str(changes[0]) == ("detection gives up level 1 (quiet slower): busy 100%, 40% of the wanted frames dropped")
    changes = looks(control, clock, LITTLE, 120)
    assert [change.after for change in changes] == [2, 1, 0]
    assert str(changes[-1]).startswith("detection takes back level 1")


def test_without_a_smaller_model_the_last_level_is_left_out() -> None:
    clock = ManualClock()
    control = LoadControl(LoadOptions(), clock)
    looks(control, clock, TOO_MUCH, 60)
    assert control.level == Level.QUIET_SLOWEST


def test_a_short_burst_changes_nothing() -> None:
    clock = ManualClock()
    control = LoadControl(LoadOptions(), clock)
    for _ in range(10):
        assert not looks(control, clock, TOO_MUCH, 3)
        assert not looks(control, clock, JUST_RIGHT, 1)


@pytest.mark.parametrize(
    "load",
    [
        Load(100, 40, 0.5),  # frames that came in a burst, not too many of them
        Load(100, 1, 1.0),  # fully used, and all fits
        Load(0, 0, 0.0),
    ],
)
def test_neither_busy_nor_dropped_frames_alone_are_overload(load: Load) -> None:
    clock = ManualClock()
    assert not looks(LoadControl(LoadOptions(), clock), clock, load, 60)


def test_between_the_two_marks_nothing_changes() -> None:
    clock = ManualClock()
    control = LoadControl(LoadOptions(), clock)
    looks(control, clock, TOO_MUCH, 4)
    assert not looks(control, clock, JUST_RIGHT, 1000)
    assert control.level == Level.QUIET_SLOWER


def test_what_can_not_be_kept_is_taken_back_ever_more_rarely() -> None:
    """A load that fits at level 1 only: each return to level 0 fails."""
    clock = ManualClock()
    control = LoadControl(LoadOptions(), clock)
    returns = []
    for second in range(1500):
        clock.advance(1)
        change = control.look(TOO_MUCH if control.level == Level.FULL else LITTLE)
        if change and change.after == Level.FULL:
            returns.append(second)
    gaps = [b - a for a, b in itertools.pairwise(returns)]
    assert gaps[:3] == sorted(gaps[:3])
    assert gaps[2] > 3 * gaps[0]
    assert gaps[-1] < 600


def test_only_quiet_cameras_are_slowed() -> None:
    clock = ManualClock()
    control = LoadControl(LoadOptions(slower_fps=2, slowest_fps=0.5), clock)
    busy, quiet, slow = Wish(5.0), Wish(5.0, is_quiet=True), Wish(1.0, is_quiet=True)
    rates = []
    for level in (Level.FULL, Level.QUIET_SLOWER, Level.QUIET_SLOWEST, Level.SMALLER_INPUT):
        control.level = level
        rates.append((control.fps(busy), control.fps(quiet), control.fps(slow)))
    assert rates == [(5, 5, 1), (5, 2, 1), (5, 0.5, 0.5), (5, 0.5, 0.5)]
