"""A camera sleeps, wakes, and has seen what led up to its waking; nothing is analysed twice or out of order."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fakes import RowTracker, SeenRule, detections
from sized_packets import camera as sized_packets
from watchpost.clock import ManualClock
from watchpost.config.gate import GateOptions
from watchpost.picture import ArrayPicture
from watchpost.pipeline import Analysed, Pipeline
from watchpost.runtime.adaptive import AdaptiveOptions
from watchpost.runtime.batcher import Batcher
from watchpost.runtime.camera import Camera
from watchpost.runtime.intake import Intake
from watchpost.runtime.lane import Served
from watchpost.types import Detections, Event, Frame, Moment, Packet, StreamInfo
from watchpost.video.gate_explained import Reason, State

LIVE = StreamInfo("h264", 128, 72, Fraction(1, 10), is_live=True)
Visits = Callable[[float], bool]


def nobody(_: float) -> bool:
    return False


class Scene:
    """Decoder and detector of a room in which a dark square stands where `is_seen` says so."""

    name = "scene"
    class_names = ("person", "car")

    def __init__(self, is_seen: Visits, is_there: Visits, confidence: float = 0.9) -> None:
        self._is_seen = is_seen
        self._confidence = confidence
        self._is_there = is_there
        self._random = np.random.default_rng(0)
        self._room = np.repeat(self._random.integers(90, 150, (9, 16, 1)), 3, 2).repeat(8, 0).repeat(8, 1)
        self._known_until_s = -1.0
        self._index = 0
        self.detected: list[float] = []

    def decode(self, packet: Packet) -> list[Frame]:
        time_s = packet.camera_time_s
        assert time_s is not None
        if time_s <= self._known_until_s:
            return []
        picture = (self._room + self._random.integers(-2, 3, self._room.shape)).astype(np.uint8)
        if self._is_seen(time_s):
            left = round(time_s * 20) % 90
            picture[20:60, left : left + 30] = 20
        self._index += 1
        return [Frame("gate", ArrayPicture(picture), time_s, 1000 + time_s, self._index, packet.is_discontinuous)]

    def decode_alone(self, packet: Packet) -> list[Frame]:
        return self.decode(packet)

    def restart(self, known_until_s: float) -> None:
        self._known_until_s = known_until_s

    def flush(self) -> list[Frame]:
        return []

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        self.detected += [frame.camera_time_s for frame in frames]
        none = Detections.empty((128, 72), self.class_names)
        someone = dataclasses.replace(detections([20, 20, 50, 60]), confidence=np.array([self._confidence]))
        return [someone if self._is_there(frame.camera_time_s) else none for frame in frames]

    def close(self) -> None: ...


class Paced(Camera):
    """Takes the next packet when the frames of the last have been judged: in real time, without the time."""

    accepted = judged = 0

    def _read(self) -> None:
        self._judged = threading.Condition()
        offer, packets = self._seat.offer, self._packets

        def counted(frame: Frame, **how: bool) -> bool:
            is_taken = offer(frame, **how)
            self.accepted += is_taken
            return is_taken

        def paced(stop: threading.Event) -> Iterator[Packet]:
            for packet in packets(stop):
                yield packet
                with self._judged:
                    assert self._judged.wait_for(lambda: self.accepted == self.judged + self._seat.counts.dropped, 20)

        self._seat.offer = counted  # type: ignore[method-assign]
        self._packets = paced
        super()._read()

    def _judge(self, frame: Frame, found: Detections) -> None:
        super()._judge(frame, found)
        with self._judged:
            self.judged += 1
            self._judged.notify()


@dataclasses.dataclass
class Run:
    camera: Camera
    scene: Scene
    results: list[Analysed]
    events: list[Event]
    looks: list[float]
    resets: int

    @property
    def times_s(self) -> list[float]:
        return [result.frame.camera_time_s for result in self.results]


def play(
    packets: Sequence[Packet],
    is_seen: Visits = nobody,
    is_there: Visits | None = None,
    fps: float = 10.0,
    confidence: float = 0.9,
    **more: Any,
) -> Run:
    """Live, as fast as the analysis follows."""
    scene, tracker = Scene(is_seen, is_there or is_seen, confidence), RowTracker()
    results: list[Analysed] = []
    events: list[Event] = []
    looks: list[float] = []
    batcher = Batcher({"own": Served(scene)}, ManualClock())
    batcher.start()
    seat = batcher.join("gate", "own", fps=fps)
    intake = Intake(scene, ManualClock(), GateOptions())
    told = [results.append], [events.extend]
    camera = Paced(
        "gate",
        lambda stop: packets,
        intake,
        seat,
        Pipeline(scene, tracker, [more.pop("rule", None) or SeenRule()]),
        *told,
        ManualClock(),
        on_look=[lambda frame: looks.append(frame.camera_time_s)],
        **more,
    )
    camera.start()
    assert camera.finished.wait(60)
    assert camera.stop()
    assert camera.error is None
    batcher.stop(1.0)
    return Run(camera, scene, results, events, looks, tracker.resets)


def live(seconds: float) -> list[Packet]:
    return [dataclasses.replace(packet, stream=LIVE) for packet in sized_packets(seconds)]


def test_who_comes_while_the_camera_sleeps_is_seen_from_the_first_frame_on() -> None:
    run = play(live(60), is_seen=lambda time_s: 41.25 < time_s < 46.05)
    assert next((each.kind, each.start.camera_time_s) for each in run.events) == ("appeared", 41.3)
    visit = [time_s for time_s in run.times_s if 41.25 < time_s < 46.05]
    assert visit == [time_s / 10 for time_s in range(413, 461)]
    assert run.times_s == sorted(set(run.times_s))
    assert run.camera.stats.dropped == 0
    assert run.camera.gate is not None
    explained = run.camera.gate.explain()
    assert (explained.state, explained.wakes) == (State.ASLEEP, {Reason.PICTURE: 1})
    assert run.camera.stats.packets == 600
    assert len(run.scene.detected) < 250
    assert len(run.looks) > 10


@pytest.mark.parametrize("enters_s", [0.0, 1.0])
def test_who_is_there_as_the_camera_starts_is_seen_from_the_first_frame_on(enters_s: float) -> None:
    run = play(live(12), is_seen=lambda time_s: enters_s <= time_s < 6)
    assert next((each.kind, each.start.camera_time_s) for each in run.events) == ("appeared", enters_s)
    visit = [time_s for time_s in run.times_s if enters_s <= time_s < 6]
    assert visit == [time_s / 10 for time_s in range(round(enters_s * 10), 60)]
    assert run.times_s == sorted(set(run.times_s))
    assert run.scene.detected[: 2 if enters_s else 1] == ([0.0, 2.0] if enters_s else [0.0])


def test_an_empty_room_costs_little_at_the_start() -> None:
    run = play(live(6))
    assert run.camera.stats.decoded == 3
    assert run.scene.detected == [0.0, 2.0]


def test_an_empty_room_is_shown_to_the_detector_now_and_then() -> None:
    run = play(live(60))
    asleep = [time_s for time_s in run.times_s if time_s > 20]
    assert 3 <= len(asleep) <= 5
    assert np.diff(asleep).min() >= 10
    assert [each for each in run.looks if each in asleep] == asleep


def test_who_stands_still_is_found_by_the_detector_and_looked_at_from_the_look_before() -> None:
    run = play(live(60), is_seen=nobody, is_there=lambda time_s: time_s > 33)
    assert run.camera.gate is not None
    assert run.camera.gate.explain().wakes == {Reason.OBJECTS: 1}
    start_s = run.events[0].start.camera_time_s
    found_s = next(time_s for time_s in run.scene.detected if time_s > 33)
    assert found_s - 2 < start_s < found_s <= 43
    assert run.times_s == sorted(set(run.times_s))
    assert [time_s for time_s in run.times_s if time_s >= start_s][:20] == pytest.approx(
        [start_s + step / 10 for step in range(20)]
    )


@pytest.mark.parametrize(("confidence", "wakes"), [(0.65, 0), (0.75, 1)])
def test_what_would_not_become_a_track_does_not_wake_it(confidence: float, wakes: int) -> None:
    """A coat on a hook that the detector is not sure of."""
    run = play(live(60), is_there=lambda time_s: time_s > 33, confidence=confidence)
    assert run.camera.gate is not None
    assert run.camera.gate.explain().wakes.get(Reason.OBJECTS, 0) == wakes


def test_a_restart_of_the_clock_is_not_lost_with_a_frame_that_is_not_due() -> None:
    packets = live(4)
    packets[17] = dataclasses.replace(packets[17], is_discontinuous=True)
    run = play(packets, fps=2.0, rule=Waiting(0, 99))
    assert run.times_s == pytest.approx([0.0, 0.1, 0.6, 1.1, 1.6, 2.1, 2.6, 3.1, 3.6])
    assert [result.frame.is_discontinuous for result in run.results] == [False] * 5 + [True] + [False] * 3
    assert run.resets == 2  # there, and at the end


def waited_for(seconds_a_frame: float) -> list[float]:
    """Camera times of the frames that the reader may wait with, when each takes the detector so long."""
    clock = ManualClock()
    intake = Intake(Scene(lambda time_s: time_s > 41.25, nobody), clock, GateOptions())
    times_s = []
    for packet in live(50):
        for taken in intake.frames(packet):
            if taken.may_wait:
                times_s.append(taken.frame.camera_time_s)
                clock.advance(seconds_a_frame)
    return times_s


def test_the_past_is_waited_for_until_the_camera_has_caught_up() -> None:
    times_s = waited_for(0.02)
    assert np.diff(times_s) == pytest.approx(0.1)
    assert times_s[0] < 41 < 42 < times_s[-1] < 43


def test_the_past_is_not_waited_for_longer_than_a_network_holds() -> None:
    assert len(waited_for(0.5)) == 11


class Waiting(SeenRule):
    """Waits for something between two moments of camera time."""

    def __init__(self, since_s: float, until_s: float) -> None:
        super().__init__()
        self._span_s = since_s, until_s
        self._now_s = 0.0

    @property
    def needs_frames(self) -> bool:
        return self._span_s[0] <= self._now_s < self._span_s[1]

    def update(self, detections: Detections, moment: Moment) -> list[Event]:
        self._now_s = moment.camera_time_s
        return super().update(detections, moment)


def test_a_rule_that_needs_frames_keeps_the_camera_awake_and_no_longer() -> None:
    def visit(time_s: float) -> bool:
        return 30 < time_s < 34

    without, needed = play(live(60), is_seen=visit), play(live(60), is_seen=visit, rule=Waiting(30, 42))
    assert max(np.diff([time_s for time_s in without.times_s if 30 < time_s < 42])) > 1
    assert max(np.diff([time_s for time_s in needed.times_s if 30 < time_s < 42])) < 0.11
    assert needed.camera.gate is not None
    assert needed.camera.gate.explain().state is State.ASLEEP


def test_an_operator_wakes_a_camera_for_a_while() -> None:
    woken: list[bool] = []

    def packets(stop: threading.Event) -> Iterator[Packet]:
        for packet in live(60):
            if packet.camera_time_s == 40.0:
                woken.append(run_camera[0].wake(10.0))
            yield packet

    run_camera: list[Camera] = []
    original = Camera.start

    def start(camera: Camera) -> None:
        camera._packets = packets
        run_camera.append(camera)
        original(camera)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Camera, "start", start)
        run = play([])
    assert woken == [True]
    assert max(np.diff([time_s for time_s in run.times_s if 40 < time_s < 50])) < 0.11
    assert run.camera.gate is not None
    assert run.camera.gate.explain().wakes == {Reason.DEMAND: 1}
    assert run.camera.gate.state is State.ASLEEP


def test_a_live_camera_goes_by_its_own_rate_from_the_first_packet_on() -> None:
    run = play(live(10), fps=math.inf, adaptive=AdaptiveOptions(full_fps=5, least_fps=5), rule=Waiting(0, 99))
    assert np.diff([time_s for time_s in run.times_s if 0 < time_s <= 2]) == pytest.approx(0.2)
