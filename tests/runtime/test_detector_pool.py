"""Models share a server as configured, and one that breaks is opened anew alone while its cameras wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clips import encode_clip, moving_square
from fake_rooms import moody, noted
from fakes import ScriptedDetector
from waiting import until
from watchpost.clock import ManualClock
from watchpost.config import Configuration, ModelSection, loads
from watchpost.runtime import assembly
from watchpost.runtime.live import LiveHub
from watchpost.runtime.load import Level, Load, LoadChange
from watchpost.runtime.supervisor import Supervisor
from watchpost.stores import EventFilter
from watchpost.types import Frame


class Server:
    """A supervisor with a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.hub = LiveHub(self.clock)
        self.supervisor = Supervisor(self.hub, self.clock)
        self._folder = folder
        self._clip = folder / "clip.mp4"
        encode_clip(self._clip, moving_square(20, 160, 128), fps=10)

    def apply(self, text: str, **cameras: str) -> None:
        play, loop = f"source: {self._clip}, rules: []", "options: {loop: true}"
        listed = ", ".join(
            f"{name}: {{{play}, {more if 'options' in more else f'{more}, {loop}'}}}" for name, more in cameras.items()
        )
        self.supervisor.apply(self._loads(f"data: {self._folder / 'data'}\n{text}\ncameras: {{{listed}}}"))

    def _loads(self, text: str) -> Configuration:
        return loads(text, name="test.yaml", folder=self._folder)

    def later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.supervisor.tend()

    def tends_until(self, holds: object) -> bool:
        def tended() -> bool:
            self.supervisor.tend()
            return bool(holds())  # type: ignore[operator]

        return until(tended)

    @property
    def states(self) -> dict[str, str]:
        return {status.name: status.state for status in self.hub.cameras()}

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.hub.events()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    moody.forget()
    made = Server(tmp_path)
    yield made
    for act in moody.acts.values():
        if isinstance(stuck := getattr(act, "__self__", None), threading.Event):
            stuck.set()
    made.supervisor.close()


TWO = "models: {own: {model: fake_rooms.moody}, other: {model: fake_rooms.blind}}"


def fails() -> None:
    raise RuntimeError("the accelerator has gone")


def test_a_model_that_fails_is_opened_anew_alone(server: Server) -> None:
    moody.acts[0] = fails
    server.apply(TWO, a="model: own", b="model: other")
    before = {name: server.supervisor.running(name) for name in "ab"}
    assert server.tends_until(lambda: server.kinds == ["detector_failed"])
    assert until(lambda: server.states == {"a": "failed", "b": "live"})
    assert not moody.opened[0].closed
    server.later(1.5)
    assert len(moody.opened) == 1
    server.later(1)
    assert server.tends_until(lambda: server.kinds == ["detector_failed", "detector_recovered"])
    assert moody.opened[0].closed  # before the other was opened: two may not fit
    assert moody.opened[1].began.wait(20)
    assert server.states == {"a": "live", "b": "live"}
    figures = server.supervisor.figures()
    assert [(each.name, each.starts) for each in figures.cameras] == [("a", 1), ("b", 1)]
    assert {name: server.supervisor.running(name) for name in "ab"} == before
    assert [(each.name, each.restarts, each.is_out) for each in figures.models] == [
        ("own from 0.1", 1, False),
        ("other from 0.1", 0, False),
    ]
    failed, _ = server.hub.events()
    assert (failed.camera, failed.rule, failed.attributes["model"]) == ("watchpost", "system", "own")
    assert "the accelerator has gone" in str(failed.attributes["reason"])


def test_a_model_that_can_not_be_opened_is_tried_again_with_growing_delay(server: Server) -> None:
    moody.acts[0] = fails
    server.apply(TWO, a="model: own")
    assert server.tends_until(lambda: server.kinds == ["detector_failed"])
    moody.refusals += ["no memory", "still no memory"]
    for left, delay_s in ((1, 2), (0, 4)):
        server.later(delay_s - 0.1)
        assert len(moody.refusals) == left + 1
        server.later(0.1)
        assert server.tends_until(lambda left=left: len(moody.refusals) == left)
        assert server.tends_until(lambda: "no memory" in server.hub.cameras()[0].detail)
    server.later(8)
    assert server.tends_until(lambda: server.kinds[-1] == "detector_recovered")
    assert server.states == {"a": "live"}


def test_a_model_that_hangs_is_opened_anew_and_closed_when_it_returns(server: Server) -> None:
    stuck = threading.Event()
    moody.acts[0] = stuck.wait
    server.apply(f"{TWO}\ndetection: {{workers: 2, hang_after: 10s}}", a="model: own", b="model: other")
    running = server.supervisor.running("a")
    assert moody.opened[0].began.wait(20)
    server.later(11)
    assert server.kinds[0] == "detector_failed"
    server.later(2)
    assert server.tends_until(lambda: server.kinds[-1] == "detector_recovered")
    assert moody.opened[1].began.wait(20)
    assert not moody.opened[0].closed  # a call is still in it
    stuck.set()
    assert server.tends_until(lambda: moody.opened[0].closed)
    assert server.supervisor.running("a") is running
    assert server.supervisor.figures().models[0].hangs >= 1


def test_models_share_the_time_as_declared(server: Server) -> None:
    lock = threading.Lock()

    def takes() -> None:
        lanes = server.supervisor._detectors._batcher._lanes
        assert until(lambda: all(lane.since_s for lane in lanes.values()))  # both have more to do than fits
        with lock:
            server.clock.advance(0.01)

    moody.acts |= {0: takes, 1: takes}
    models = "models: {large: {model: fake_rooms.moody, share: 3}, small: {model: fake_rooms.moody, share: 1}}"
    server.apply(
        f"{models}\ndetection: {{workers: 1}}", a="model: large", b="model: large", c="model: small", d="model: small"
    )
    assert until(lambda: len(moody.opened) == 2 and moody.opened[1].calls >= 10)
    before = [each.calls for each in moody.opened]
    assert until(lambda: moody.opened[1].calls >= before[1] + 50)
    large, small = (each.calls - then for each, then in zip(moody.opened, before, strict=True))
    assert large / small == pytest.approx(3, rel=0.25)


def test_a_step_of_the_load_is_an_event_in_store_and_sinks(server: Server) -> None:
    noted.notes.clear()
    server.apply(f"{TWO}\nsinks: [{{kind: fake_rooms.noted, label: out}}]")
    change = LoadChange(server.clock.wall_time_s(), Level.FULL, Level.QUIET_SLOWER, Load(100, 40, 1.0))
    server.supervisor._detectors._take_notice(change)
    (told,) = server.hub.events()
    assert (told.kind, told.camera, told.end.wall_time_s) == ("load_changed", "watchpost", change.wall_time_s)
    assert (told.attributes["level"], told.attributes["before"], told.attributes["reason"]) == (1, 0, str(change))
    store = server.supervisor.store
    assert store is not None
    assert until(
        lambda: [each.id for each in store.search(EventFilter(kinds=frozenset({"load_changed"})))] == [told.id]
    )
    assert until(lambda: f"out gets {told.id}" in noted.notes)


def test_a_live_camera_is_analysed_at_5_fps_and_a_file_in_full(server: Server) -> None:
    server.apply(TWO, live="model: other, options: {loop: true, realtime: true}", file="model: own")

    def rates() -> dict[str, float | None]:
        return {each.name: each.wished_fps for each in server.supervisor.figures().cameras}

    assert until(lambda: rates() == {"live": 5.0, "file": None})


class Accelerated(ScriptedDetector):
    is_accelerated = True


def test_on_an_accelerator_the_batch_is_measured_and_two_calls_go_at_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[tuple[int, int]] = []

    def measure(detector: Accelerated, frame: Frame, clock: ManualClock) -> int:
        measured.append(frame.size)
        return 16

    monkeypatch.setattr(assembly, "make_detector", lambda *_: Accelerated())
    monkeypatch.setattr(assembly, "measure_batch", measure)
    server.apply("models: {own: fake_rooms.blind}", a="model: own")
    figures = server.supervisor.figures()
    assert (figures.models[0].batch, figures.batcher["workers"], measured) == (16, 2, [(1280, 720)])
    section = ModelSection.model_validate("hog")
    before = assembly.make_served(section, 0.1, server.clock)
    assert (before.batch, before.fill_s) == (16, 0.01)
    assert assembly.make_served(section, 0.1, server.clock, before).batch == 16  # opened anew: not measured again
    assert len(measured) == 2
    server.apply("models: {own: {model: fake_rooms.blind, batch: 4}}", a="model: own")
    assert server.supervisor.figures().models[0].batch == 4
    assert len(measured) == 2


def test_workers_and_their_limits_follow_a_reload(server: Server) -> None:
    server.apply(f"{TWO}\ndetection: {{workers: 3}}")
    assert server.supervisor.figures().batcher["workers"] == 3
    server.apply(f"{TWO}\ndetection: {{workers: 2, load: {{slower_fps: 3}}}}")
    assert server.supervisor.figures().batcher["workers"] == 2
    assert server.supervisor._detectors._batcher._load.options.slower_fps == 3


def test_a_smaller_model_has_the_same_classes(server: Server) -> None:
    own = "model: fake_rooms.moody"
    server.apply(f"models: {{own: {{{own}, smaller: {{{own}, classes: [car]}}}}}}", a="model: own")
    assert server.states == {"a": "failed"}
    assert "has other classes than moody: car instead of person" in server.hub.cameras()[0].detail
    server.apply(f"models: {{own: {{{own}, smaller: {{{own}, mark: small}}}}}}", a="model: own")
    assert server.states["a"] != "failed"
    assert server.supervisor._detectors._batcher._load.has_smaller
