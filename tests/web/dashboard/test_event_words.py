"""Events in the reader's words, at the times of the clocks at the camera."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from watchpost.event_json import event_to_json
from watchpost.types import Event, Moment
from watchpost.web.dashboard.event_words import EventWords

START_S = 1_777_636_800.0  # 2026-05-01 12:00 UTC


def told(**changes: object) -> dict:
    fields: dict = {
        "id": "a",
        "camera": "gate",
        "rule": "who",
        "kind": "crossed",
        "class_name": "person",
        "track_id": 7,
        "start": Moment(0.0, START_S),
        "end": Moment(75.0, START_S + 75),
        "score": 0.9,
        "box": None,
        "zone": "gate line",
        "attributes": {"direction": "in"},
    }
    return event_to_json(Event(**(fields | changes)))


def words(language: str = "en", zone: str = "Asia/Seoul", now_s: float = START_S + 60) -> EventWords:
    return EventWords(language, lambda _camera: ZoneInfo(zone), lambda: now_s)


@pytest.mark.parametrize(("language", "expected"), [("en", "Person #7 crossed"), ("ko", "사람 #7 통과")])
def test_what_happened(language, expected):
    assert words(language).what(told()) == expected


def test_a_kind_and_a_class_without_words_keep_their_names():
    assert words().what(told(kind="waved", class_name="heron", track_id=None)) == "heron waved"
    assert words().kind("waved") == "… waved"


def test_where_it_happened_with_what_the_kind_adds():
    assert words().where(told()) == "gate line · inward · gate"
    assert words().where(told(zone=None, attributes={"secret": 1})) == "gate"


def test_when_it_happened_at_the_camera():
    assert words().time(told()) == "21:01:15"
    assert words(zone="UTC").time(told()) == "12:01:15"
    assert words(now_s=START_S + 86_400).time(told()) == "2026-05-01 21:01:15"
    assert words().span(told()) == "2026-05-01 21:00:00 – 21:01:15 KST"
    assert words().duration(told()) == "1:15"


def test_what_was_over_at_once_has_one_time_and_no_duration():
    at_once = told(end=Moment(0.0, START_S))
    assert words().span(at_once) == "2026-05-01 21:00:00 KST"
    assert words().duration(at_once) == ""
