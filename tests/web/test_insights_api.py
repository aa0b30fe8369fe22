"""Insights over HTTP: of the time, the zone and the cameras that were asked for, and may be seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from scripted_events import START_S, scripted_events
from watchpost.clock import ManualClock
from watchpost.recordings.archive import Archive
from watchpost.recordings.index import Segment
from watchpost.runtime.footprints import COLUMNS, ROWS, Footprint
from watchpost.runtime.history import History
from watchpost.runtime.history.delays import bin_of
from watchpost.runtime.live import LiveHub
from watchpost.stores import sqlite
from watchpost.web import access
from watchpost.web.access import Role, User
from watchpost.web.app import create_app
from watchpost.web.services import Services

EVENTS = scripted_events()
NOW_S = START_S + 14 * 86_400
GUARD = User("min", Role.VIEWER, frozenset({"gate"}))
WHOLE = {"since": START_S, "until": NOW_S + 60}


@dataclass
class Room:
    client: TestClient
    history: History
    archive: Archive
    patch: pytest.MonkeyPatch

    def become(self, user: User) -> None:
        self.patch.setattr(access, "user_of", lambda _: user)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(f"/api/insights/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    clock = ManualClock(NOW_S)
    store = sqlite.create(sqlite.Options(path=tmp_path / "watchpost.db"), clock)
    store.add(EVENTS)
    history, archive = History(tmp_path / "history.db"), Archive(tmp_path)
    services = Services(
        LiveHub(clock), store=lambda: store, recordings=lambda: archive, history=lambda: history, clock=clock
    )
    yield Room(TestClient(create_app(services), base_url="http://localhost"), history, archive, monkeypatch)
    for each in (store, history, archive):
        each.close()


def test_counts_are_of_what_ended_in_the_time(room: Room) -> None:
    since, until = START_S + 86_400, START_S + 4 * 86_400
    expected = [e for e in EVENTS if since <= e.end.wall_time_s < until and e.kind == "left" and e.camera == "yard"]
    found = room.get("counts", since=since, until=until, kind="left", camera="yard", step="hour", by="zone")
    assert found["total"] == len(expected) > 0
    assert sum(each["count"] for each in found["steps"]) == len(expected)
    week = [e for e in EVENTS if NOW_S - 7 * 86_400 <= e.end.wall_time_s < NOW_S]
    assert room.get("counts")["total"] == len(week)
    cars = [e for e in EVENTS if e.class_name == "car"]
    assert room.get("counts", q="자동차", step="month", **WHOLE)["total"] == len(cars)


def test_each_figure_over_events_is_there(room: Room) -> None:
    hours = room.get("hours", tz="Asia/Seoul", **WHOLE)
    assert sum(map(sum, hours["counts"])) == len(EVENTS)
    crossed = room.get("crossings", **WHOLE)
    assert sum(each["in"] + each["out"] for each in crossed["totals"]) == sum(e.kind == "crossed" for e in EVENTS)
    stays = room.get("stays", **WHOLE)
    assert len(stays["zones"][0]["histogram"]) == len(stays["edges_s"])
    parts = room.get("composition", by="kind", **WHOLE)
    assert sum(each["count"] for each in parts["parts"]) == len(EVENTS)
    feet = room.get("places", camera="gate", source="events", **WHOLE)
    assert np.sum(feet["cells"]) == feet["events"] == sum(e.camera == "gate" for e in EVENTS)


def test_places_are_seconds_of_tracks(room: Room) -> None:
    grid = np.zeros((ROWS, COLUMNS), np.float32)
    grid[3, 7] = 2.5
    room.history.footprints.add(
        [Footprint("gate", int(NOW_S - 7200), grid), Footprint("yard", int(NOW_S - 7200), grid)]
    )
    found = room.get("places", camera="gate")
    assert (found["rows"], found["columns"], found["unit"]) == (ROWS, COLUMNS, "seconds")
    assert found["cells"] == grid.tolist()
    room.become(GUARD)
    assert room.client.get("/api/insights/places?camera=yard").status_code == 404


def test_uptime_says_which_cameras_were_blind(room: Room) -> None:
    begin = NOW_S - 3 * 3600
    for camera in ("gate", "yard"):
        room.history.states.begin(camera, begin, "live", "")
    room.history.states.begin("gate", begin + 3600, "blind", "covered")
    room.history.states.begin("gate", begin + 5400, "live", "")
    room.history.states.go_on(NOW_S)
    row = Segment("gate", "a.mp4", "closed", 0, 0, begin + 1800, begin + 5400, 1)
    room.archive.index.add([row])
    found = room.get("uptime", since=begin, until=NOW_S)
    assert found["edges"] == [begin + 3600 * number for number in range(4)]
    gate, yard = found["cameras"]
    assert gate == {"camera": "gate", "live": [1, 0.5, 1], "blind": [0, 0.5, 0], "recorded": [0.5, 0.5, 0]}
    assert yard == {"camera": "yard", "live": [1, 1, 1], "blind": [0, 0, 0], "recorded": [0, 0, 0]}
    (outage,) = room.get("outages", least_s=60)
    assert outage == {
        "camera": "gate", "since": begin + 3600, "until": begin + 5400, "state": "blind", "reason": "covered",
    }  # fmt: skip
    assert room.get("outages", least_s=1801) == []
    assert [each["camera"] for each in room.get("uptime", camera="yard")["cameras"]] == ["yard"]
    room.become(GUARD)
    assert [each["camera"] for each in room.get("uptime")["cameras"]] == ["gate"]
    assert room.get("uptime", camera="yard")["cameras"] == []


def test_delays_have_their_percentiles(room: Room) -> None:
    hour_s = int(NOW_S) - 3600
    room.history.delays.add({(hour_s, "gate", bin_of(0.5)): 90, (hour_s, "gate", bin_of(4.0)): 10})
    room.history.delays.add({(hour_s - 3600, "yard", bin_of(1.0)): 1})
    found = room.get("delays")
    assert found["all"]["count"] == 101
    by_camera = {each["camera"]: each for each in found["cameras"]}
    assert by_camera["gate"]["p50_s"] == pytest.approx(0.5, rel=0.1)
    assert by_camera["gate"]["p95_s"] == pytest.approx(4.0, rel=0.1)
    assert [each["time"] for each in found["steps"]] == [hour_s - 3600, hour_s]
    room.become(GUARD)
    assert room.get("delays")["all"]["count"] == 100


def test_figures_are_series(room: Room) -> None:
    for number in range(3):
        room.history.figures.keep(NOW_S - 600 + number * 60, {"cpu_cores": number, "memory_mb": 100.0})
    found = room.get("figures", name="cpu_cores", since=NOW_S - 3600)
    assert found["step_s"] == 60
    assert found["figures"].keys() == {"cpu_cores"}
    assert found["figures"]["cpu_cores"]["mean"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("counts", {"since": 5, "until": 5}),
        ("counts", {"since": 0, "until": 1e9, "step": "hour"}),
        ("hours", {"since": 0, "until": 1e9}),
        ("uptime", {"since": 0, "until": 1e9}),
        ("counts", {"tz": "Mars/Base"}),
        ("stays", {"q": "("}),
    ],
)
def test_what_is_wrong_with_a_question_is_told(room: Room, path: str, query: dict[str, Any]) -> None:
    assert room.client.get(f"/api/insights/{path}", params=query).status_code == 400


def test_a_server_without_a_history_has_none_of_it() -> None:
    client = TestClient(create_app(Services(LiveHub(ManualClock()))), base_url="http://localhost")
    assert client.get("/api/insights/uptime").status_code == 404
    assert client.get("/api/insights/counts").status_code == 503
    assert client.get("/api/insights/places?camera=gate").status_code == 404
