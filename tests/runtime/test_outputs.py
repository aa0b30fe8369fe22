"""Streams that are handed on: a lost target is tried again, a slow one loses its own, nobody else notices."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator

import pytest

from filming import film
from waiting import until
from watchpost.clock import ManualClock
from watchpost.config import loads
from watchpost.errors import TargetError
from watchpost.runtime.annotated import Annotated
from watchpost.runtime.outputs import Output, Outputs
from watchpost.runtime.reconnect import Policy
from watchpost.runtime.taps import Tap, Taps
from watchpost.types import BGR, Frame, Packet

STEADY = Policy(first_delay_s=2.0, jitter=0)


class Server:
    """Where targets lead to: each opened one is scripted to break after so many packets, -1 for never."""

    def __init__(self, *breaks: int, permanent: bool = False) -> None:
        self.breaks = list(breaks)
        self.permanent = permanent
        self.opened: list[FakeTarget] = []

    def open(self) -> FakeTarget:
        after = self.breaks[min(len(self.opened), len(self.breaks) - 1)]
        self.opened.append(FakeTarget(after, self.permanent))
        return self.opened[-1]


class FakeTarget:
    left_out = ""

    def __init__(self, after: int, permanent: bool) -> None:
        self.after = after
        self.permanent = permanent
        self.taken: list[Packet] = []
        self.ends: list[str] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    @property
    def frames(self) -> int:
        return len(self.taken)

    @property
    def bytes(self) -> int:
        return sum(packet.size for packet in self.taken)

    def write(self, packet: Packet) -> None:
        self.may_go_on.wait(10)
        if len(self.taken) == self.after:
            raise TargetError("rtmp://h/live/***: the connection broke.", permanent=self.permanent)
        self.taken.append(packet)

    def close(self) -> None:
        self.ends.append("closed")

    def abandon(self) -> None:
        self.ends.append("abandoned")


class Stage:
    def __init__(self, server: Server, policy: Policy = STEADY, *, is_end_final: bool = False) -> None:
        self.taps, self.clock, self.server = Taps(), ManualClock(), server
        self.output = Output(
            "gate",
            "rtmp://h/live/***",
            server.open,
            lambda: self.taps.open("gate"),
            self.clock,
            policy,
            is_end_final=is_end_final,
        )

    def send(self, packets: list[Packet]) -> None:
        for packet in packets:
            self.taps.offer("gate", dataclasses.replace(packet, wall_time_s=self.clock.wall_time_s()))


@pytest.fixture
def stage():
    stages: list[Stage] = []

    def make(*args: object, **settings: object) -> Stage:
        stages.append(Stage(*args, **settings))  # type: ignore[arg-type]
        stages[-1].output.start()
        assert until(lambda: stages[-1].taps.viewers("gate") == 1)
        return stages[-1]

    yield make
    for each in stages:
        assert each.output.stop(5)


def test_what_the_camera_sends_is_handed_on(stage: Callable[..., Stage]) -> None:
    on = stage(Server(-1))
    assert on.output.figures().state == "waiting"
    packets = film(20)
    on.send(packets)
    assert until(lambda: on.output.figures().frames == 20)
    figures = on.output.figures()
    assert (figures.state, figures.losses, figures.lost_packets, figures.problem) == ("live", 0, 0, "")
    assert figures.bytes == sum(packet.size for packet in packets)
    assert on.output.stop(5)
    assert on.server.opened[0].ends == ["closed"]
    assert on.output.figures().frames == 20, "the figures stay"


def test_a_lost_target_is_tried_again_from_a_key_frame_on(stage: Callable[..., Stage]) -> None:
    on = stage(Server(13, -1))
    on.send(film(20))
    assert until(lambda: len(on.server.opened) == 2 and on.server.opened[1].frames == 10)
    assert on.server.opened[0].ends == ["abandoned"]
    assert on.server.opened[1].taken[0].is_key
    assert on.clock.waits_s[:1] == [2.0]
    figures = on.output.figures()
    assert (figures.state, figures.losses, figures.frames) == ("live", 1, 23)


def test_the_delay_grows_and_a_refusal_is_not_hurried(stage: Callable[..., Stage]) -> None:
    on = stage(Server(0, 0, 0, -1))
    on.send(film(5))
    assert until(lambda: len(on.server.opened) == 4)
    assert on.clock.waits_s[:3] == [2.0, 4.0, 8.0]
    refused = stage(Server(0, -1, permanent=True))
    refused.send(film(5))
    assert until(lambda: len(refused.server.opened) == 2)
    assert refused.clock.waits_s[:1] == [60.0]


def test_whoever_waits_at_a_terminal_is_told_at_once(stage: Callable[..., Stage]) -> None:
    on = stage(Server(0), Policy(first_must_succeed=True))
    on.send(film(5))
    assert on.output.ended.wait(5)
    assert "the connection broke" in on.output.figures().problem


def test_a_slow_target_loses_its_own_packets(stage: Callable[..., Stage]) -> None:
    on = stage(Server(-1))
    assert until(lambda: len(on.server.opened) == 1)
    on.server.opened[0].may_go_on.clear()
    large = [dataclasses.replace(packet, size=1_000_000) for packet in film(40)]
    on.send(large)  # returns at once
    assert until(lambda: on.output.figures().lost_packets > 20)
    on.server.opened[0].may_go_on.set()
    on.send(film(10, start_s=4.0))
    assert until(lambda: on.output.figures().frames >= 10)


def test_the_end_of_the_source_may_be_the_end(stage: Callable[..., Stage]) -> None:
    on = stage(Server(-1), is_end_final=True)
    on.send(film(20))
    on.taps.remove("gate")
    assert on.output.ended.wait(5)
    assert on.server.opened[0].ends == ["closed"]
    assert on.server.opened[0].frames == 20


def test_a_fault_of_ours_ends_this_output_alone_and_is_told(stage: Callable[..., Stage]) -> None:
    server = Server(-1)
    on = stage(server)
    server.opened[0].write = lambda packet: 1 / 0  # type: ignore[method-assign,assignment]
    on.send(film(2))
    assert on.output.ended.wait(5)
    assert "ZeroDivisionError" in on.output.figures().problem


def test_outputs_follow_the_configuration() -> None:
    taps, clock = Taps(), ManualClock()
    outputs = Outputs(taps, Annotated(taps, square), clock)
    one = "cameras: {gate: {source: 'synthetic:', outputs: [{url: 'rtmp://127.0.0.1:1/live/a-key'}]}}"
    outputs.apply(loads(one))
    assert until(lambda: taps.viewers("gate") == 1)
    (figures,) = outputs.figures()["gate"]
    assert figures.target == "rtmp://127.0.0.1:1/live/***"
    outputs.apply(loads(one.replace("a-key", "b-key")))
    assert until(lambda: taps.viewers("gate") == 1)
    outputs.apply(loads("cameras: {gate: {source: 'synthetic:'}}"))
    assert outputs.figures() == {}
    assert taps.viewers("gate") == 0
    outputs.close()


@contextlib.contextmanager
def square(camera: str) -> Iterator[Callable[[Frame], BGR]]:
    yield lambda frame: frame.picture.bgr()


def test_outputs_that_want_boxes_share_one_encoder_with_whoever_watches() -> None:
    taps = Taps()
    annotated = Annotated(taps, square)
    outputs = Outputs(taps, annotated, ManualClock())
    two = "[{url: 'rtmp://127.0.0.1:1/live/a-key', annotated: true}, {url: 'udp://127.0.0.1:9', annotated: true}]"
    outputs.apply(loads(f"cameras: {{gate: {{source: 'synthetic:', outputs: {two}}}}}"))
    with annotated.open("gate"):
        assert until(lambda: annotated.running() == ["gate"] and taps.viewers("gate") == 1)
    assert annotated.running() == ["gate"], "the outputs go on"
    outputs.apply(loads("cameras: {gate: {source: 'synthetic:'}}"))
    assert annotated.running() == []
    assert until(lambda: taps.viewers("gate") == 0)
    outputs.close()
    annotated.close()


def test_a_stream_that_ends_at_once_is_not_opened_all_the_time() -> None:
    taps, clock = Taps(), ManualClock()
    opened: list[Tap] = []

    def open_ended() -> Tap:
        opened.append(taps.open("gate"))
        opened[-1].close()
        return opened[-1]

    output = Output("gate", "rtmp://h/live/***", Server(-1).open, open_ended, clock, STEADY)
    output.start()
    assert until(lambda: len(opened) >= 3)
    assert output.stop(5)
    assert clock.waits_s[:2] == [2.0, 2.0]
