"""Worker processes, played by fakes: told, watched, restarted alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest

from fakes import event
from filming import film
from watchpost.clock import ManualClock
from watchpost.config import Camera, Configuration
from watchpost.config.gate import GateOptions
from watchpost.errors import WatchpostError
from watchpost.runtime.figures import CameraFigures, Figures, ModelFigures
from watchpost.runtime.footprints import COLUMNS, ROWS, Footprint
from watchpost.runtime.link import Message
from watchpost.runtime.live import CameraStatus
from watchpost.runtime.relay import RelayedHub
from watchpost.runtime.stream_relay import watch_message
from watchpost.runtime.system_events import detector_failed
from watchpost.runtime.worker_messages import (
    event_message,
    footprint_message,
    picture_message,
    read_apply,
    report_message,
)
from watchpost.runtime.workers import Workers
from watchpost.stores import EventStore
from watchpost.types import Event
from watchpost.video.gate import Gate
from watchpost.video.ring import Ring
from watchpost.video.wire import packet_to_wire, stream_to_json

WEB_TOKEN = "a secret of the page"


class FakeProcess:
    """What the server did with a worker, and what the worker says."""

    def __init__(self, name: str, pid: int, say: Callable[[Message], None]) -> None:
        self.name, self.pid, self.say = name, pid, say
        self.exit_code: int | None = None
        self.told: list[Message] = []
        self.last_words: list[Message] = []
        self.is_killed = False
        self.lost = 0

    def tell(self, message: Message) -> None:
        self.told.append(message)
        if message.kind == "stop":
            self.exit_code = 0

    def wait(self, timeout_s: float) -> bool:
        return self.exit_code is not None

    def end(self) -> int:
        if self.exit_code is None:
            self.is_killed, self.exit_code = True, -9
        while self.last_words:
            self.say(self.last_words.pop(0))
        return self.exit_code

    @property
    def configurations(self) -> list[Configuration]:
        return [read_apply(message)[0] for message in self.told if message.kind == "apply"]

    def report(self, *cameras: str, busy_s: float = 0.0, losses: int = 0) -> None:
        statuses = [CameraStatus(name, "live", "", 5.0, 640, 480, 0, 1, 0.1, None, None) for name in cameras]
        figures = [CameraFigures(name, 100, 10, 5, 0, 0, 1, losses, 1, None) for name in cameras]
        counts = {"detected": 50.0, "level": float(self.name == "worker-2"), "waiting": 1.0}
        said = report_message(statuses, dict.fromkeys(cameras, 3), Figures(tuple(figures), counts), busy_s)
        self.say(said)


class NotedOutlet:
    """Where events end in these tests."""

    store: EventStore | None = None

    def __init__(self) -> None:
        self.taken: list[Event] = []
        self.replaced = 0
        self.is_closed = False
        self.is_broken = False

    def replace(self, config: Configuration) -> None:
        if self.is_broken:
            raise WatchpostError("can not be used")
        self.replaced += 1

    def events(self, events: list[Event]) -> None:
        self.taken += events

    def close(self) -> None:
        self.is_closed = True


class Room:
    """Two workers and what they need."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.hub = RelayedHub(self.clock)
        self.outlet = NotedOutlet()
        self.processes: list[FakeProcess] = []
        self.can_start = True
        self.workers = Workers(self.hub, self.clock, 2, 8, outlet=self.outlet, start=self._start)

    def _start(self, name: str, say: Callable[[Message], None]) -> FakeProcess:
        if not self.can_start:
            raise WatchpostError("no more processes")
        self.processes.append(FakeProcess(name, 1000 + len(self.processes), say))
        return self.processes[-1]

    def running(self, name: str) -> FakeProcess:
        return next(each for each in reversed(self.processes) if each.name == name)

    def states(self) -> dict[str, str]:
        return {status.name: status.state for status in self.hub.cameras()}

    def pass_s(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.workers.tend()

    def report(self) -> None:
        self.running("worker-1").report("a", "c")
        self.running("worker-2").report("b")


def configuration(*names: str, **camera: object) -> Configuration:
    base = {"source": "synthetic:", **camera}
    return Configuration.model_validate(
        {"web": {"token": WEB_TOKEN}, "cameras": {name: dict(base) for name in names}, "sinks": []}
    )


@pytest.fixture
def room() -> Room:
    made = Room()
    made.workers.apply(configuration("a", "b", "c"))
    return made


def test_each_worker_is_told_its_cameras_and_nothing_it_need_not_know(room: Room) -> None:
    first, second = room.running("worker-1"), room.running("worker-2")
    assert [list(each.configurations[0].cameras) for each in (first, second)] == [["a", "c"], ["b"]]
    assert all(each.configurations[0].web.token is None for each in (first, second))
    assert WEB_TOKEN.encode() not in first.told[0].body
    assert read_apply(first.told[0])[1] == 4  # of 8 cores
    assert room.states() == {"a": "connecting", "b": "connecting", "c": "connecting"}
    room.report()
    assert room.states() == {"a": "live", "b": "live", "c": "live"}


def test_calls_of_detectors_at_once_are_shared_among_the_workers() -> None:
    room = Room()
    config = configuration("a", "b")
    detection = config.detection.model_copy(update={"workers": 6})
    room.workers.apply(config.model_copy(update={"detection": detection}))
    assert [each.configurations[0].detection.workers for each in room.processes] == [3, 3]


def test_a_reload_tells_only_the_worker_whose_cameras_have_changed(room: Room) -> None:
    room.workers.apply(configuration("a", "b", "c"))
    assert [len(each.told) for each in room.processes] == [1, 1]
    room.workers.apply(configuration("a", "b", "c", "d"))
    assert [len(each.configurations) for each in room.processes] == [1, 2]
    assert list(room.running("worker-2").configurations[1].cameras) == ["b", "d"]
    changed = configuration("a", "b", "c", "d")
    changed = changed.model_copy(update={"cameras": changed.cameras | {"a": Camera(source="synthetic:", max_fps=1)}})
    room.workers.apply(changed)
    assert [len(each.configurations) for each in room.processes] == [2, 2]


def test_a_worker_that_dies_is_restarted_alone(room: Room) -> None:
    room.report()
    dead, other = room.running("worker-1"), room.running("worker-2")
    dead.exit_code = -11
    room.workers.tend()
    assert room.states() == {"a": "failed", "b": "live", "c": "failed"}
    (detail, *_) = [status.detail for status in room.hub.cameras()]
    assert "worker-1" in detail
    assert "SIGSEGV" in detail
    assert len(room.processes) == 2
    room.pass_s(1)
    again = room.running("worker-1")
    assert again is not dead
    assert list(again.configurations[0].cameras) == ["a", "c"]
    assert room.states() == {"a": "connecting", "b": "live", "c": "connecting"}
    assert other.told == other.told[:1]


def test_restarts_slow_down_until_a_worker_stays(room: Room) -> None:
    starts = []
    for second in range(40):
        room.running("worker-1").exit_code = 1
        before = len(room.processes)
        room.pass_s(1)
        room.running("worker-2").report("b")
        if len(room.processes) > before:
            starts.append(second)
    assert [later - earlier for earlier, later in pairwise(starts)] == [3, 5, 9, 17]
    for _ in range(150):
        room.report()
        room.pass_s(1)
    room.running("worker-1").exit_code = 1
    before = len(room.processes)
    room.workers.tend()
    room.pass_s(1)
    assert len(room.processes) == before + 1


def test_a_worker_that_does_not_answer_is_killed(room: Room) -> None:
    room.report()
    silent = room.running("worker-1")
    for _ in range(14):
        room.running("worker-2").report("b")
        room.pass_s(1)
    assert not silent.is_killed
    for _ in range(3):
        room.running("worker-2").report("b")
        room.pass_s(1)
    assert silent.is_killed
    assert room.states()["b"] == "live"


def test_a_worker_that_never_reports_is_killed_later(room: Room) -> None:
    room.pass_s(59)
    assert not room.processes[0].is_killed
    room.pass_s(3)
    assert room.processes[0].is_killed


def test_a_main_loop_that_hangs_is_noticed_though_reports_come(room: Room) -> None:
    room.running("worker-1").report("a", "c", busy_s=299.0)
    room.running("worker-2").report("b", busy_s=301.0)
    room.workers.tend()
    assert [each.is_killed for each in room.processes[:2]] == [False, True]


def test_a_server_that_was_stopped_itself_blames_nobody(room: Room) -> None:
    room.report()
    room.clock.advance(600)
    room.workers.tend()
    assert not any(each.is_killed for each in room.processes)


def test_a_worker_that_can_not_be_started_is_tried_again(room: Room) -> None:
    room.can_start = False
    room.running("worker-1").exit_code = 1
    room.pass_s(3)
    assert room.states()["a"] == "failed"
    assert "no more processes" in room.hub.cameras()[0].detail
    room.can_start = True
    room.pass_s(5)
    assert room.running("worker-1").exit_code is None


def test_events_reach_store_and_page_also_the_last_ones_of_a_worker_that_died(room: Room) -> None:
    appeared, left = event("appeared", camera="a"), event("left", camera="a")
    worker = room.running("worker-1")
    worker.say(event_message(replace(appeared, snapshot=b"jpeg")))
    worker.last_words = [event_message(left)]
    worker.exit_code = -9
    room.workers.tend()
    assert [each.id for each in room.outlet.taken][:2] == [appeared.id, left.id]
    assert not any("interrupted" in each.attributes for each in room.outlet.taken)
    assert room.outlet.taken[0].snapshot == b"jpeg"
    assert room.hub.events() == room.outlet.taken


def test_what_was_open_in_a_worker_that_died_is_ended_as_interrupted(room: Room) -> None:
    room.running("worker-1").say(event_message(event("appeared", camera="a", track_id=4)))
    room.running("worker-2").say(event_message(event("appeared", camera="b", track_id=5)))
    room.running("worker-1").exit_code = -9
    room.workers.tend()
    end = next(each for each in room.outlet.taken if each.kind == "left")
    assert (end.kind, end.camera, end.track_id, end.attributes["interrupted"]) == ("left", "a", 4, True)


def test_the_death_of_a_worker_and_its_return_are_events_each_told_once(room: Room) -> None:
    room.report()
    for _ in range(2):
        room.running("worker-1").exit_code = -9
        room.pass_s(3)
    assert [each.kind for each in room.outlet.taken] == ["worker_failed"]
    assert room.outlet.taken[0].attributes["worker"] == "worker-1"
    assert room.outlet.taken[0].attributes["cameras"] == 2
    room.report()
    room.pass_s(2)
    assert [each.kind for each in room.outlet.taken] == ["worker_failed", "worker_recovered"]
    assert room.outlet.taken[1].attributes["duration_s"] > 1


def test_what_a_worker_tells_of_its_detectors_names_it(room: Room) -> None:
    room.running("worker-2").say(event_message(detector_failed("people", 1000.0, "hangs")))
    assert room.outlet.taken[0].attributes == {"model": "people", "reason": "hangs", "worker": "worker-2"}


def test_pictures_are_asked_of_the_worker_that_has_the_camera(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchpost.runtime.relay._FIRST_PICTURE_S", 0.01)
    room.report()
    assert room.hub.jpeg("b", 640) is None
    assert room.running("worker-2").told[-1] == Message("watch", {"camera": "b", "width": 640})
    assert len(room.running("worker-1").told) == 1
    room.running("worker-2").say(picture_message("b", 640, 9, b"nine"))
    assert room.hub.jpeg("b", 640) == (9, b"nine")


def test_figures_are_those_of_all_workers_and_never_fall(room: Room) -> None:
    room.running("worker-1").report("a", "c", losses=2)
    room.running("worker-2").report("b")
    figures = room.workers.figures()
    assert [(each.name, each.worker) for each in figures.cameras] == [
        ("a", "worker-1"),
        ("b", "worker-2"),
        ("c", "worker-1"),
    ]
    assert (figures.batcher["detected"], figures.batcher["level"], figures.batcher["waiting"]) == (100, 1, 2)
    assert [asdict(each) for each in figures.workers] == [
        {"name": "worker-1", "cameras": 2, "is_up": True, "starts": 1},
        {"name": "worker-2", "cameras": 1, "is_up": True, "starts": 1},
    ]
    room.running("worker-1").exit_code = -9
    room.workers.tend()
    down = room.workers.figures()
    assert [each.name for each in down.cameras] == ["b"]
    assert (down.batcher["detected"], down.batcher["waiting"]) == (100, 1)
    assert not down.workers[0].is_up
    room.pass_s(1)
    room.running("worker-1").report("a", "c", losses=1)
    up = room.workers.figures()
    assert (up.cameras[0].losses, up.cameras[0].starts, up.batcher["detected"]) == (3, 2, 150)


def test_what_can_not_be_used_leaves_all_as_it_was(room: Room) -> None:
    room.outlet.is_broken = True
    new = configuration("x").model_copy(update={"data": configuration("x").data / "elsewhere"})
    with pytest.raises(WatchpostError):
        room.workers.apply(new)
    assert list(room.states()) == ["a", "b", "c"]
    assert [len(each.told) for each in room.processes] == [1, 1]


def test_closing_stops_in_order_and_takes_in_the_last_events(room: Room) -> None:
    last = event("left", camera="b")
    room.running("worker-2").last_words = [event_message(last)]
    room.workers.close()
    assert [each.told[-1].kind for each in room.processes] == ["stop", "stop"]
    assert not any(each.is_killed for each in room.processes)
    assert [each.id for each in room.outlet.taken] == [last.id]
    assert room.outlet.is_closed


def test_a_worker_without_cameras_is_not_started() -> None:
    room = Room()
    room.workers.apply(configuration("a"))
    assert [each.name for each in room.processes] == ["worker-1"]
    room.workers.apply(configuration())
    assert room.processes[0].configurations[-1].cameras == {}


def test_a_camera_is_woken_in_its_worker(room: Room) -> None:
    assert room.workers.wake("b", 30.0) is None  # nothing is known of it yet
    gate = Gate(GateOptions(), Ring(1000, 10)).explain()
    cameras = (CameraFigures("b", 100, 10, 5, 0, 0, 1, 0, 1, gate),)
    room.running("worker-2").say(report_message([], {}, Figures(cameras, {}), 0.0))
    room.running("worker-1").report("a")
    assert room.workers.wake("b", 30.0) is True
    assert room.workers.wake("a", 30.0) is False  # a file
    assert room.workers.wake("gone", 30.0) is None
    woken = room.running("worker-2").told[-1]
    assert (woken.kind, woken.data) == ("wake", {"camera": "b", "seconds": 30.0})


def test_models_of_several_workers_are_told_once(room: Room) -> None:
    for name, calls in (("worker-1", 3), ("worker-2", 4)):
        model = ModelFigures("people", calls, calls, 0, 0, 0.5, 0, 1, is_out=name == "worker-2")
        room.running(name).say(report_message([], {}, Figures((), {}, models=(model,)), 0.0))
    assert room.workers.figures().models == (ModelFigures("people", 7, 7, 0, 0, 1.0, 0, 1, is_out=True),)


def test_streams_are_asked_of_the_worker_that_has_the_camera_while_somebody_watches(room: Room) -> None:
    first, second = room.running("worker-1"), room.running("worker-2")
    with room.workers.taps.open("b") as tap, room.workers.boxes.open("a"):
        assert second.told[-1] == watch_message(["b"], [])
        assert first.told[-1] == watch_message([], ["a"])
        for message in packet_messages("b", 3):
            second.say(message)
        assert len(tap.take()) == 3
        for message in packet_messages("b", 3):
            first.say(message)  # not its own
        assert tap.take() == []
        second.exit_code = -9
        room.pass_s(3)
        assert room.running("worker-2") is not second
        assert room.running("worker-2").told[-1] == watch_message(["b"], []), "its new process is told again"
    assert room.running("worker-2").told[-1] == watch_message([], [])
    assert first.told[-1] == watch_message([], [])


def test_viewers_of_a_camera_that_is_taken_away_are_told(room: Room) -> None:
    tap = room.workers.taps.open("b")
    room.workers.apply(configuration("a", "c"))
    assert tap.ended


def packet_messages(camera: str, count: int) -> list[Message]:
    packets = film(count)
    said = [Message("stream", {"camera": camera, "number": 1, "stream": stream_to_json(packets[0].stream)})]
    for packet in packets:
        head, body = packet_to_wire(packet)
        said.append(Message("packet", {"camera": camera, "number": 1, **head}, body))
    return said


def test_where_people_stood_is_added_up_over_the_workers(room: Room) -> None:
    seconds = np.ones((ROWS, COLUMNS), np.float32)
    for name, camera in (("worker-1", "a"), ("worker-2", "b"), ("worker-1", "a")):
        room.running(name).say(footprint_message(Footprint(camera, 3600, seconds)))
    found = {each.camera: each.seconds.sum() for each in room.workers.footprints()}
    assert found == {"a": 2 * seconds.size, "b": seconds.size}
    assert room.workers.footprints() == []
