"""A steady scene is looked at less often, a changed one at the full rate, and the events stay the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from fakes import SIZE, detections, frame
from watchpost import plugins
from watchpost.pipeline import Pipeline
from watchpost.runtime.adaptive import AdaptiveOptions, AdaptiveRate, Wish
from watchpost.runtime.assembly import make_rule, make_tracker
from watchpost.runtime.due import Due
from watchpost.types import Detections, Event

FULL, LEAST = 5.0, 2.0
NOBODY = detections(track_ids=[])


def at(left: float, *, track: int | None = 1, top: float = 10.0) -> Detections:
    """One person, 20 by 30 pixels: its side is 24.5 pixels."""
    return detections((left, top, left + 20, top + 30), track_ids=None if track is None else [track])


def wishes(steps: list[Detections], step_s: float = 0.2) -> list[Wish]:
    rate = AdaptiveRate(AdaptiveOptions())
    return [rate.see(each, each, index * step_s) for index, each in enumerate(steps)]


def test_an_empty_room_keeps_the_full_rate_and_is_quiet_after_a_while() -> None:
    seen = wishes([NOBODY] * 40)
    assert {wish.fps for wish in seen} == {FULL}
    assert [wish.is_quiet for wish in seen] == [False] * 25 + [True] * 15


def test_who_stands_still_is_looked_at_less_after_the_hold() -> None:
    seen = wishes([NOBODY] + [at(10)] * 20)
    assert [wish.fps for wish in seen] == [FULL] * 4 + [LEAST] * 17
    assert not any(wish.is_quiet for wish in seen)


def test_the_rate_follows_the_fastest() -> None:
    """7 pixels in 0.2 s are 1.43 sides a second; half a side a look asks for 2.86 looks a second."""
    seen = wishes([at(10 + 7 * index) for index in range(12)])
    assert seen[-1].fps == pytest.approx(7 / 0.2 / np.sqrt(600) / 0.5)
    assert wishes([at(10 + 40 * index) for index in range(12)])[-1].fps == FULL


@pytest.mark.parametrize(
    "change",
    [NOBODY, at(10, track=2), detections((10, 10, 30, 40), (40, 10, 60, 40), track_ids=[1, 2])],
    ids=["lost", "another", "one more"],
)
def test_what_is_new_or_lost_brings_the_full_rate_back(change: Detections) -> None:
    seen = wishes([at(10)] * 10 + [change, change])
    assert [wish.fps for wish in seen[-3:]] == [LEAST, FULL, FULL]


def test_somebody_without_a_track_is_something_new() -> None:
    rate = AdaptiveRate(AdaptiveOptions())
    for index in range(10):
        rate.see(at(10, track=None), at(10), index * 0.2)
    stranger = detections((10, 10, 30, 40), (40, 10, 60, 40))
    assert rate.see(at(11, track=None), at(10), 2.0).fps == LEAST
    assert rate.see(stranger, at(10), 2.2).fps == FULL
    unsure = dataclasses.replace(stranger, confidence=np.array([0.9, 0.2]))
    assert rate.see(unsure, at(10), 4.0).fps == LEAST


def test_the_least_rate_is_not_above_the_full_one() -> None:
    with pytest.raises(ValueError, match="least_fps must not be above full_fps"):
        AdaptiveOptions(full_fps=1)


# Scripts: who is where at a time in seconds. The picture is 64 x 48.

Script = Callable[[float], list[tuple[float, float]]]


def visit(time_s: float) -> list[tuple[float, float]]:
    """Comes in at 2 s, stands from 6 to 14 s, crosses the line on the way out, has gone at 18 s."""
    if not 2 <= time_s < 18:
        return []
    return [(float(np.interp(time_s, [2, 6, 14, 18], [0, 18, 18, 44])), 10.0)]


def guest(time_s: float) -> list[tuple[float, float]]:
    """One person stands all the time; another comes for three seconds."""
    return [(2.0, 15.0), (40.0 - 6 * (time_s - 10), 2.0)] if 10 <= time_s < 13 else [(2.0, 15.0)]


def crossing(time_s: float) -> list[tuple[float, float]]:
    """Two people pass each other at walking speed again and again."""
    return [(22 + 20 * np.sin(time_s / 3), 2.0), (22 - 20 * np.sin(time_s / 3), 17.0)]


def run(script: Script, *, is_adaptive: bool) -> tuple[list[Event], int]:
    """The events of 30 s at 15 fps, and how many frames were analysed."""
    middle = np.array([[0.5, 0.0], [0.5, 1.0]])
    left = np.array([[0.0, 0.0], [0.45, 0.0], [0.45, 1.0], [0.0, 1.0]])
    rules = [
        make_rule("presence", "gate"),
        make_rule("line", "gate", plugins.load("rules", "line").Options(line="middle"), lines={"middle": middle}),
        make_rule("zone", "gate", plugins.load("rules", "zone").Options(zone="left"), zones={"left": left}),
    ]
    pipeline = Pipeline(None, make_tracker("bytetrack"), rules)
    rate, is_due = AdaptiveRate(AdaptiveOptions()), Due(1 / FULL)
    events: list[Event] = []
    analysed = 0
    for index in range(450):
        each = frame(index, fps=15)
        if not is_due(each.camera_time_s):
            continue
        people = script(each.camera_time_s)
        found = detections(*[(left, top, left + 18, top + 28) for left, top in people])
        assert found.frame_size == SIZE
        result = pipeline.conclude(each, found)
        analysed += 1
        events += result.events
        if is_adaptive:
            is_due.interval_s = 1 / rate.see(found, result.detections, each.camera_time_s).fps
    return events + pipeline.finish(), analysed


@pytest.mark.parametrize("script", [visit, guest, crossing])
def test_the_events_do_not_change(script: Script) -> None:
    full, all_frames = run(script, is_adaptive=False)
    adaptive, fewer_frames = run(script, is_adaptive=True)
    assert fewer_frames < (0.7 if script is guest else 0.9) * all_frames

    def by_start(events: list[Event]) -> list[Event]:
        return sorted(events, key=lambda event: (event.rule, event.kind, event.zone or "", event.start.camera_time_s))

    full, adaptive = by_start(full), by_start(adaptive)
    assert len(full) >= 3
    what = [(event.rule, event.kind, event.zone, event.attributes.get("direction")) for event in full]
    assert [(event.rule, event.kind, event.zone, event.attributes.get("direction")) for event in adaptive] == what
    for a, b in zip(full, adaptive, strict=True):
        assert abs(a.start.camera_time_s - b.start.camera_time_s) <= 1 / LEAST
        assert (
            abs(a.end.camera_time_s - b.end.camera_time_s) <= 2 / LEAST
        )  # of what goes on: when it was told, after its confirmation
