"""Events are found, counted, marked and taken away over HTTP, by whoever may see them."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from fakes import event
from filming import MIDNIGHT, film
from scripted_events import START_S, scripted_events
from watchpost.clock import ManualClock
from watchpost.notes.book import NoteBook
from watchpost.picture import decode_picture
from watchpost.recordings.archive import Archive
from watchpost.recordings.writer import CameraWriter, Lengths
from watchpost.runtime.live import LiveHub
from watchpost.stores import sqlite
from watchpost.types import Event
from watchpost.web import access, facets
from watchpost.web.access import Role, User
from watchpost.web.app import create_app
from watchpost.web.services import Services

EVENTS = scripted_events()
NEWEST = EVENTS[::-1]
JPEG = b"\xff\xd8 a picture \xff\xd9"
GUARD = User("min", Role.VIEWER, frozenset({"gate"}))


@dataclass
class Room:
    client: TestClient
    store: sqlite.SqliteStore
    book: NoteBook
    hub: LiveHub
    patch: pytest.MonkeyPatch

    def become(self, user: User) -> None:
        self.patch.setattr(access, "user_of", lambda _: user)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(self, **query: Any) -> list[str]:
        return [each["id"] for each in self.get("/api/events/search", **query)["events"]]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    clock = ManualClock(START_S + 14 * 86_400)
    store = sqlite.create(sqlite.Options(path=tmp_path / "watchpost.db"), clock)
    store.add([replace(each, snapshot=JPEG) if each is EVENTS[5] else each for each in EVENTS])
    book, hub, archive = NoteBook(tmp_path / "notes.db"), LiveHub(clock), Archive(tmp_path)
    hub.add("gate")
    writer = CameraWriter("gate", archive, clock, Lengths(segment_s=3.0, fragment_s=1.0))
    for packet in film(50):
        writer.add(packet)
    writer.finish()
    services = Services(hub, store=lambda: store, recordings=lambda: archive, notes=lambda: book, clock=clock)
    yield Room(TestClient(create_app(services), base_url="http://localhost"), store, book, hub, monkeypatch)
    for each in (store, book, archive):
        each.close()


# ---- search


def test_pages_follow_one_another_until_the_end(room: Room) -> None:
    for order, expected in (("newest", NEWEST), ("oldest", EVENTS)):
        found: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = room.get("/api/events/search", limit=130, order=order, **after)
            found += [each["id"] for each in page["events"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert found == [each.id for each in expected]


def test_all_that_is_asked_holds(room: Room) -> None:
    def expected(holds: Any) -> list[str]:
        return [each.id for each in NEWEST if holds(each)]

    assert room.ids(q="car camera:gate", limit=500) == expected(lambda e: e.class_name == "car" and e.camera == "gate")
    assert room.ids(q="자동차 카메라:정문", limit=500) == expected(
        lambda e: e.class_name == "car" and e.camera == "정문"
    )
    both = room.ids(camera=["gate", "yard"], kind="crossed", zone="line", limit=500)
    assert both == expected(lambda e: e.camera != "정문" and e.kind == "crossed" and e.zone == "line")
    since, until = START_S + 86_400, START_S + 3 * 86_400
    within = room.ids(since=since, until=until, limit=500)
    assert within == expected(lambda e: e.end.wall_time_s >= since and e.start.wall_time_s < until)
    day = datetime(2026, 10, 26, tzinfo=UTC).timestamp() - 9 * 3600
    seoul = room.ids(q="on:2026-10-26", tz="Asia/Seoul", limit=500)
    assert seoul == expected(lambda e: e.end.wall_time_s >= day and e.start.wall_time_s < day + 86_400)


def test_the_query_language_is_taken_as_well(room: Room) -> None:
    body = {"query": {"range": {"score": {"gt": 0.5}}}, "q": "car", "limit": 500}
    answer = room.client.post("/api/events/search", json=body)
    assert [each["id"] for each in answer.json()["events"]] == [
        each.id for each in NEWEST if each.score > 0.5 and each.class_name == "car"
    ]
    answer = room.client.post("/api/events/search", json={"query": {"fuzzy": {"camera": "gate"}}})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        {"q": "colour:red"},
        {"q": "("},
        {"tz": "Mars/Base"},
        {"after": "nonsense"},
        {"after": "WzEsIngiXQ"},
        {"after": "W"},
    ],
)
def test_what_is_wrong_with_a_question_is_told(room: Room, query: dict[str, str]) -> None:
    for path in ("/api/events/search", "/api/events/export.csv"):
        if path.endswith("csv") and "after" in query:
            continue
        answer = room.client.get(path, params=query)
        assert answer.status_code == 400, path
        assert answer.json()["detail"]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 501}, {"order": "odd"}, {"colour": "red"}, {"since": "nan"}])
def test_what_can_not_be_asked_is_refused(room: Room, query: dict[str, Any]) -> None:
    assert room.client.get("/api/events/search", params=query).status_code == 422


def test_facets_count_what_was_asked_for(room: Room) -> None:
    found = room.get("/api/events/search", q="person", facets=True, tz="Asia/Seoul")["facets"]
    people = [each for each in EVENTS if each.class_name == "person"]
    for field in ("camera", "kind", "class_name", "zone"):
        expected = Counter(value for each in people if (value := getattr(each, field)))
        assert {each["value"]: each["count"] for each in found[field]} == expected
        assert [each["count"] for each in found[field]] == sorted(expected.values(), reverse=True)
    days = Counter((each.end.wall_time_s + 9 * 3600) // 86_400 * 86_400 - 9 * 3600 for each in people)
    assert [(each["start"], each["count"]) for each in found["day"]] == sorted(days.items(), reverse=True)
    assert found["since"] is None


def test_facets_of_very_many_are_of_the_newest(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facets, "MOST_COUNTED", 50)
    found = room.get("/api/events/search", facets=True, limit=1)["facets"]
    counted = [each for each in EVENTS if each.end.wall_time_s >= found["since"]]
    assert 20 <= len(counted) <= 50
    assert sum(each["count"] for each in found["camera"]) == len(counted)


def test_nobody_finds_what_they_may_not_see(room: Room) -> None:
    room.become(GUARD)
    own = [each for each in NEWEST if each.camera == "gate"]
    assert room.ids(limit=500) == [each.id for each in own]
    assert room.ids(camera="yard") == []
    other = next(each for each in EVENTS if each.camera == "yard")
    body = {"query": {"ids": {"values": [other.id]}}}
    assert room.client.post("/api/events/search", json=body).json()["events"] == []
    assert room.client.get(f"/api/events/{other.id}").status_code == 404
    assert room.client.get(f"/api/events/{own[0].id}").status_code == 200
    facet = room.get("/api/events/search", facets=True)["facets"]
    assert facet["camera"] == [{"value": "gate", "count": len(own)}]
    lines = room.client.get("/api/events/export.jsonl").text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [each.id for each in own]


# ---- one event


def test_an_event_has_its_details(room: Room) -> None:
    found = room.get(f"/api/events/{EVENTS[5].id}")
    assert (found["camera"], found["has_snapshot"], found["has_clip"]) == (EVENTS[5].camera, True, False)
    assert room.get(f"/api/events/{EVENTS[6].id}")["has_snapshot"] is False
    new = replace(event(), start=replace(event().start, wall_time_s=MIDNIGHT + 2), end=event().end)
    room.hub.add_event(replace(new, end=replace(new.end, wall_time_s=MIDNIGHT + 3), snapshot=JPEG))
    found = room.get(f"/api/events/{new.id}")
    assert (found["has_snapshot"], found["has_clip"], found["said"]) == (True, True, [])
    assert room.client.get("/api/events/unknown").status_code == 404


# ---- what people say


def say(room: Room, told: Event, kind: str, text: str = "") -> dict[str, Any]:
    answer = room.client.post(f"/api/events/{told.id}/notes", json={"kind": kind, "text": text})
    assert answer.status_code == 201, answer.text
    said: dict[str, Any] = answer.json()
    return said


def test_bookmarks_notes_and_false_alarms_mark_their_events(room: Room) -> None:
    room.become(User("kim", Role.OPERATOR))
    first = say(room, EVENTS[5], "bookmark")
    assert say(room, EVENTS[5], "bookmark")["id"] == first["id"]
    said = say(room, EVENTS[5], "note", " looks like 김 ")
    assert (said["author"], said["text"], said["made"]) == ("kim", "looks like 김", START_S + 14 * 86_400)
    say(room, EVENTS[9], "false_alarm")
    assert room.ids(bookmarked=True) == [EVENTS[5].id]
    assert room.ids(false_alarm=True) == [EVENTS[9].id]
    assert room.ids(false_alarm=True, bookmarked=True) == []
    taken = room.client.get("/api/events/export.jsonl", params={"bookmarked": True}).text.splitlines()
    assert [json.loads(line)["id"] for line in taken] == [EVENTS[5].id]
    assert len(room.client.get("/api/events/export.csv", params={"false_alarm": True}).text.splitlines()) == 2
    page = room.get("/api/events/search", limit=500)["events"]
    marks = {each["id"]: each["marks"] for each in page if any(each["marks"].values())}
    assert marks == {
        EVENTS[5].id: {"bookmark": True, "false_alarm": False, "notes": 1},
        EVENTS[9].id: {"bookmark": False, "false_alarm": True, "notes": 0},
    }
    details = room.get(f"/api/events/{EVENTS[5].id}")
    assert [each["kind"] for each in details["said"]] == ["bookmark", "note"]
    assert room.client.delete(f"/api/events/{EVENTS[5].id}/notes/bookmark").status_code == 204
    assert room.client.delete(f"/api/events/notes/{said['id']}").status_code == 204
    assert room.get(f"/api/events/{EVENTS[5].id}")["said"] == []
    assert [each["kind"] for each in room.get("/api/events/notes")] == ["false_alarm"]


def test_a_false_alarm_keeps_its_picture_when_the_event_has_gone(room: Room) -> None:
    said = say(room, EVENTS[5], "false_alarm")
    assert said["has_picture"]
    room.store.prune(1e12)
    assert room.client.get(f"/api/events/{EVENTS[5].id}").status_code == 404
    assert room.client.get(f"/api/events/notes/{said['id']}/picture.jpg").content == JPEG
    assert room.book.get(said["id"]).event["camera"] == EVENTS[5].camera  # type: ignore[union-attr, index]


def test_whoever_was_missed_is_cut_from_the_recording(room: Room) -> None:
    what = {"camera": "gate", "time": MIDNIGHT + 2.55, "boxes": [[0.1, 0.2, 0.3, 0.4]], "text": "behind the van"}
    answer = room.client.post("/api/events/missed", json=what)
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert (said["kind"], said["has_picture"], said["boxes"]) == ("missed", True, [[0.1, 0.2, 0.3, 0.4]])
    assert said["time"] == pytest.approx(MIDNIGHT + 2.5, abs=0.06)
    picture = decode_picture(room.client.get(f"/api/events/notes/{said['id']}/picture.jpg").content)
    assert picture.shape == (48, 64, 3)
    bright = np.flatnonzero(picture[:, :, 1].mean(axis=0) > 180)
    assert bright.tolist() == [25]  # the bar of picture number 25
    late = room.client.post("/api/events/missed", json=what | {"time": MIDNIGHT + 60}).json()
    assert (late["has_picture"], late["time"]) == (False, MIDNIGHT + 60)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/events/unknown/notes", {"kind": "bookmark"}, 404),
        (f"/api/events/{EVENTS[0].id}/notes", {"kind": "note", "text": " "}, 422),
        (f"/api/events/{EVENTS[0].id}/notes", {"kind": "missed"}, 422),
        (f"/api/events/{EVENTS[0].id}/notes", {"kind": "note", "text": "x" * 1001}, 422),
        ("/api/events/missed", {"camera": "nowhere", "time": 1.0}, 404),
        ("/api/events/missed", {"camera": "gate", "time": 1.0, "boxes": [[0.5, 0.1, 0.4, 0.2]]}, 422),
        ("/api/events/missed", {"camera": "gate", "time": 1.0, "boxes": [[0.1, 0.1, 1.4, 0.2]]}, 422),
        ("/api/events/missed", {"camera": "gate", "time": -1}, 422),
    ],
)
def test_what_can_not_be_said_is_refused(room: Room, path: str, body: dict[str, Any], status: int) -> None:
    assert room.client.post(path, json=body).status_code == status


def test_viewers_read_and_do_not_write_and_see_their_cameras_alone(room: Room) -> None:
    own, other = (next(each for each in EVENTS if each.camera == camera) for camera in ("gate", "yard"))
    hidden = say(room, other, "note", "secret")
    say(room, own, "note", "seen")
    room.become(GUARD)
    assert [each["text"] for each in room.get("/api/events/notes")] == ["seen"]
    assert room.get("/api/events/notes", camera="yard") == []
    assert room.client.get(f"/api/events/notes/{hidden['id']}/picture.jpg").status_code == 404
    assert room.client.post(f"/api/events/{own.id}/notes", json={"kind": "bookmark"}).status_code == 403
    assert room.client.post("/api/events/missed", json={"camera": "gate", "time": 1.0}).status_code == 403
    assert room.client.delete(f"/api/events/{own.id}/notes/bookmark").status_code == 403


# ---- to take away


def test_a_table_has_every_event_page_after_page(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchpost.web.api import export_events

    monkeypatch.setattr(export_events, "_PAGE", 30)
    answer = room.client.get("/api/events/export.csv", params={"tz": "Asia/Seoul", "bom": True})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.content.startswith(b"\xef\xbb\xbfid,")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["id"] for row in rows] == [each.id for each in NEWEST]
    assert rows[0]["end"].endswith("+09:00")
    for limit in (30, 31, 60, 1):
        lines = room.client.get("/api/events/export.jsonl", params={"limit": limit, "order": "oldest"}).text
        assert [json.loads(line)["id"] for line in lines.splitlines()] == [each.id for each in EVENTS[:limit]]
