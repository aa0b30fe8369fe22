"""The server's history fills itself, and a file that fails costs nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import event
from watchpost.clock import ManualClock
from watchpost.config import Configuration
from watchpost.runtime.figures import CameraFigures, Figures
from watchpost.runtime.footprints import COLUMNS, ROWS, Footprint
from watchpost.runtime.historian import Historian, alert_delay_s
from watchpost.runtime.history import History
from watchpost.runtime.history.delays import bin_of
from watchpost.runtime.live import LiveHub
from watchpost.runtime.system_events import worker_failed
from watchpost.types import Event, Moment


class Room:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(7200.0)
        self.hub = LiveHub(self.clock)
        self.packets = 0
        self.footprints: list[Footprint] = []
        self.told: list[Event] = []
        self.historian = Historian(self.clock, self.hub, self.figures, self.take, self.told.append)
        self.config = Configuration(data=folder)

    def start(self) -> None:
        """Without the thread: the tests look by themselves."""
        self.historian._thread.start = lambda: None  # type: ignore[method-assign]
        self.historian.apply(self.config)

    def figures(self) -> Figures:
        return Figures((CameraFigures("gate", self.packets, 0, 0, 0, 0, 0, 0, 1, None),), {})

    def take(self) -> list[Footprint]:
        taken, self.footprints = self.footprints, []
        return taken

    def pass_s(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.historian.look()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_a_minute_of_everything_is_kept(room: Room, tmp_path: Path) -> None:
    room.start()
    room.hub.set_state("gate", "live")
    room.pass_s(0)
    moment = Moment(0.0, room.clock.wall_time_s() - 0.5)
    room.historian.see_events([replace(event(), start=moment), replace(event(kind="left"), end=moment)])
    grid = np.ones((ROWS, COLUMNS), np.float32)
    room.footprints = [Footprint("gate", 7200, grid)]
    room.packets = 900
    room.pass_s(60)
    room.hub.set_state("gate", "reconnecting", "lost")
    room.pass_s(10)
    room.footprints = [Footprint("gate", 7200, grid)]
    room.historian.finish()
    kept = History(tmp_path / "history.db")
    _, series = kept.figures.between(0, 1e9, room.clock.wall_time_s(), {"packets_fps", "memory_mb"})
    by_name = {each.name: each for each in series}
    assert by_name["packets_fps"].mean == (15.0,)
    assert by_name["memory_mb"].mean[0] > 10
    assert kept.delays.between(0, 1e9) == {(7200, "gate"): {bin_of(0.5): 1}}
    assert (kept.footprints.between("gate", 0, 1e9) == 2).all()
    assert [(each.since_s, each.until_s, each.state) for each in kept.states.between(0, 1e9)] == [
        (7200.0, 7270.0, "live"),
        (7270.0, 7270.0, "reconnecting"),
    ]
    kept.close()


def test_a_file_that_can_not_be_used_is_told_once_and_used_again_when_it_can(
    room: Room, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "history.db"
    blocked.mkdir()
    room.start()
    room.hub.set_state("gate", "reconnecting", "lost")
    for _ in range(40):
        room.pass_s(2)
    assert room.historian.history is None
    assert sum("the history is not kept" in record.message for record in caplog.records) == 1
    blocked.rmdir()
    room.pass_s(2)
    assert room.historian.history is not None
    assert [each.kind for each in room.told] == ["camera_blind"]
    assert [each.state for each in room.historian.history.states.between(0, 1e12)] == ["reconnecting"]
    room.historian.finish()


@pytest.mark.parametrize(
    ("kind", "expected_s"),
    [("appeared", 3.0), ("crossed", 3.0), ("dwelt", 1.0), ("left", None), ("exited", None), ("thinned", None)],
)
def test_a_delay_is_from_the_first_picture_or_the_last(kind: str, expected_s: float | None) -> None:
    told = replace(event(kind=kind), start=Moment(0.0, 100.0), end=Moment(2.0, 102.0))
    assert alert_delay_s(told, 103.0) == expected_s


def test_events_of_the_server_and_clocks_that_were_set_back_say_nothing_odd() -> None:
    assert alert_delay_s(worker_failed("worker-1", 100.0, 3, "gone"), 103.0) is None
    assert alert_delay_s(event(), 0.0) == 0.0
