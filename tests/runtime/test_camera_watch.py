"""Cameras that show nothing are told after a while, and every change of their states is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from watchpost.clock import ManualClock
from watchpost.runtime.camera_watch import PATIENCE_S, CameraWatch
from watchpost.runtime.history import History
from watchpost.runtime.live import CameraState, CameraStatus
from watchpost.types import Event
from watchpost.video.blindness import Blindness


def status(
    state: CameraState, detail: str = "", *, blindness: Blindness | None = None, name: str = "gate"
) -> CameraStatus:
    return CameraStatus(name, state, detail, 5.0, 640, 480, 0, 0, 0.1, None, None, blindness)


class Room:
    def __init__(self, history: History) -> None:
        self.clock = ManualClock(1000.0)
        self.told: list[Event] = []
        self.history = history
        self.watch = CameraWatch(self.clock, self.told.append)
        self.watch.resume(history.states)

    def look(self, *statuses: CameraStatus, after_s: float = 2.0) -> None:
        self.clock.advance(after_s)
        self.watch.look(statuses, self.history.states)

    def spans(self) -> list[tuple[str, float, float, str, str]]:
        self.history.states.go_on(self.clock.wall_time_s())
        found = self.history.states.between(0, 1e12)
        return [(each.camera, each.since_s, each.until_s, each.state, each.reason) for each in found]

    def kinds(self) -> list[str]:
        return [each.kind for each in self.told]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    history = History(tmp_path / "history.db")
    yield Room(history)
    history.close()


def test_a_camera_that_is_lost_for_long_is_told_once_and_once_when_it_is_back(room: Room) -> None:
    room.look(status("live"))
    room.look(status("reconnecting", "No answer. Trying again in 1 s."))
    room.look(status("connecting"), after_s=1)
    room.look(status("reconnecting", "No answer. Trying again in 2 s."), after_s=PATIENCE_S - 2)
    assert room.kinds() == []
    room.look(status("connecting"), after_s=1)
    room.look(status("reconnecting", "No answer. Trying again in 4 s."), after_s=1)
    assert room.kinds() == ["camera_blind"]
    (event,) = room.told
    assert event.attributes == {"camera": "gate", "state": "reconnecting", "reason": "No answer. Trying again in 1 s."}
    assert (event.start.wall_time_s, event.end.wall_time_s) == (1004.0, 1004.0 + PATIENCE_S)
    room.look(status("live"), after_s=81)
    assert room.kinds() == ["camera_blind", "camera_seen_again"]
    assert room.told[1].attributes == {"camera": "gate", "duration_s": PATIENCE_S + 82}
    lost = "No answer. Trying again in 1 s."
    assert room.spans() == [
        ("gate", 1002.0, 1004.0, "live", ""),
        ("gate", 1004.0, 1086.0 + PATIENCE_S, "reconnecting", lost),
        ("gate", 1086.0 + PATIENCE_S, 1086.0 + PATIENCE_S, "live", ""),
    ]


def test_a_short_loss_is_kept_and_not_told(room: Room) -> None:
    room.look(status("live"))
    room.look(status("reconnecting", "lost"))
    room.look(status("live"))
    assert room.kinds() == []
    assert [each[3] for each in room.spans()] == ["live", "reconnecting", "live"]


def test_a_camera_that_was_never_seen_is_told_and_a_file_that_ended_is_not(room: Room) -> None:
    for _ in range(30):
        room.look(status("connecting"), status("ended", name="file"))
    assert room.told == []  # a server that starts is given time
    room.look(status("connecting"), status("ended", name="file"))
    assert [(each.kind, each.attributes["camera"], each.attributes["state"]) for each in room.told] == [
        ("camera_blind", "gate", "connecting")
    ]


def test_blindness_has_its_reason_and_another_one_is_another_span(room: Room) -> None:
    room.look(status("live"))
    room.look(status("blind", "It is dark.", blindness="dark"))
    room.look(status("blind", "It is dark.", blindness="dark"), after_s=PATIENCE_S)
    room.look(status("blind", "It is covered.", blindness="covered"))
    assert [(each.kind, each.attributes["reason"]) for each in room.told] == [("camera_blind", "dark")]
    assert [each[3:] for each in room.spans()] == [("live", ""), ("blind", "dark"), ("blind", "covered")]


def test_a_camera_that_is_taken_away_ends(room: Room) -> None:
    room.look(status("live"), status("live", name="yard"))
    room.look(status("live"))
    room.look(status("live"), after_s=10)
    assert [each[:3] for each in room.spans()] == [("gate", 1002.0, 1014.0), ("yard", 1002.0, 1004.0)]
