"""What has begun is ended, once, when nobody else will."""

from __future__ import annotations

from dataclasses import replace

from fakes import event
from watchpost.runtime.open_events import OpenEvents


def test_what_has_ended_is_not_ended_again() -> None:
    opened = OpenEvents()
    opened.note(event("appeared", track_id=1))
    opened.note(event("appeared", track_id=2))
    opened.note(event("left", track_id=1))
    assert [(each.kind, each.track_id) for each in opened.interrupt(2000)] == [("left", 2)]
    assert opened.interrupt(2000) == []


def test_an_end_says_until_when_and_that_it_was_interrupted() -> None:
    opened = OpenEvents()
    begun = replace(event("entered", at_s=10.0), zone="door", snapshot=b"jpeg")
    opened.note(begun)
    (end,) = opened.interrupt(1015.0)
    assert end.kind == "exited"
    assert end.id != begun.id
    assert end.zone == "door"
    assert end.start == begun.start
    assert (end.end.camera_time_s, end.end.wall_time_s) == (15.0, 1015.0)
    assert end.attributes == {"interrupted": True, "duration_s": 5.0}
    assert end.snapshot is None


def test_a_clock_that_was_set_back_ends_nothing_before_it_began() -> None:
    opened = OpenEvents()
    begun = event("crowded", track_id=None, at_s=10.0)
    opened.note(begun)
    (end,) = opened.interrupt(3.0)
    assert (end.kind, end.end) == ("thinned", begun.end)


def test_zones_rules_and_cameras_are_told_apart() -> None:
    opened = OpenEvents()
    opened.note(replace(event("entered"), zone="door"))
    opened.note(replace(event("exited"), zone="yard"))
    opened.note(event("left"))
    opened.note(replace(event("exited", camera="other"), zone="door"))
    assert [each.zone for each in opened.interrupt(2000)] == ["door"]


def test_what_neither_begins_nor_ends_is_left_alone() -> None:
    opened = OpenEvents()
    opened.note(event("crossed"))
    opened.note(event("dwelt"))
    assert opened.interrupt(2000) == []
