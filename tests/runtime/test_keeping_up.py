from __future__ import annotations

import dataclasses
import logging
from fractions import Fraction

import pytest

from fakes import frame
from watchpost.clock import ManualClock
from watchpost.config.gate import GateOptions
from watchpost.runtime.intake import Intake, Taken
from watchpost.runtime.keeping_up import KeepingUp, MeteredDecoder
from watchpost.types import Frame, Packet, StreamInfo
from watchpost.video.gate_explained import Reason, State

FPS = 10
GOP = 20
LIVE = StreamInfo("h264", 7680, 4320, Fraction(1, FPS), is_live=True)


def packet(index: int, *, gop: int = GOP, is_discontinuous: bool = False) -> Packet:
    return Packet("yard", LIVE, index, index, index % gop == 0, 100, 1000 + index / FPS, None, is_discontinuous)


class Costly:
    """A decoder that takes `cost_s` of the processor a packet, and with it of the clock."""

    def __init__(self, clock: ManualClock, cost_s: float, waits_s: float = 0.0) -> None:
        self.clock, self.cost_s, self.waits_s = clock, cost_s, waits_s
        self.cpu_s = 0.0
        self.decoded: list[int] = []

    def decode(self, packet: Packet) -> list[Frame]:
        self.cpu_s += self.cost_s
        self.clock.advance(self.cost_s + self.waits_s)
        self.decoded.append(packet.pts or 0)
        return [frame(packet.pts or 0, fps=FPS)]

    def decode_alone(self, packet: Packet) -> list[Frame]:
        return self.decode(packet)

    def restart(self, known_until_s: float) -> None: ...

    def flush(self) -> list[Frame]:
        return []


class Line:
    """A camera that sends in real time; what is not read in time waits."""

    def __init__(self, cost_s: float, waits_s: float = 0.0, gop: int = GOP) -> None:
        self.clock = ManualClock()
        self.decoder = Costly(self.clock, cost_s, waits_s)
        self.keeping_up = KeepingUp(MeteredDecoder(self.decoder, lambda: self.decoder.cpu_s), self.clock)
        self.metered = self.keeping_up._decoder
        self.gop, self.index, self.away_s = gop, 0, 0.0
        self.heavy: list[bool] = []
        self.behind: list[bool] = []
        self.longest_lag_s = 0.0

    def play(self, seconds: float) -> None:
        for _ in range(round(seconds * FPS)):
            self.index += 1
            due_s = self.index / FPS + self.away_s
            self.clock.advance(max(0.0, due_s - self.clock.monotonic_s()))
            each = packet(self.index, gop=self.gop)
            why = self.keeping_up.spares(each)
            self.heavy.append(why is Reason.HEAVY)
            self.behind.append(why is Reason.BEHIND)
            self.longest_lag_s = max(self.longest_lag_s, self.lag_s)
            if why is None:
                self.metered.decode(each)
            elif self.keeping_up.has_room(each):
                self.metered.decode_alone(each)
                self.keeping_up.pay()

    @property
    def lag_s(self) -> float:
        return self.keeping_up.lag_s


def test_what_keeps_up_is_left_alone_whatever_it_costs() -> None:
    line = Line(cost_s=0.09)
    line.play(120)
    assert not any(line.heavy)
    assert line.keeping_up.cores == pytest.approx(0.9, abs=0.05)


def test_what_can_not_keep_up_falls_back_before_it_is_far_behind(caplog: pytest.LogCaptureFixture) -> None:
    line = Line(cost_s=0.15)
    with caplog.at_level(logging.WARNING):
        line.play(40)
    assert line.heavy[-1]
    assert line.heavy.index(True) < 15 * FPS
    assert line.lag_s < 0.5  # it has caught up
    (text,) = caplog.messages
    assert "yard" in text
    assert "too heavy" in text
    assert "1.50 cores" in text


def test_what_is_cheap_and_late_passes_over_what_is_late(caplog: pytest.LogCaptureFixture) -> None:
    line = Line(cost_s=0.01, waits_s=0.14)  # the processor is with others
    with caplog.at_level(logging.WARNING):
        line.play(120)
    assert not any(line.heavy)
    assert 0.05 < sum(line.behind) / len(line.behind) < 0.6, "it catches up again and again"
    assert line.longest_lag_s < 8
    (text,) = caplog.messages  # once in five minutes
    assert "yard" in text
    assert "the machine does not keep up" in text


def test_who_is_behind_is_decoded_in_full_once_there_is_time_again() -> None:
    line = Line(cost_s=0.01, waits_s=0.14)
    line.play(20)
    assert any(line.behind)
    line.decoder.waits_s = 0.0
    line.play(20)
    assert not any(line.behind[-10 * FPS :])
    assert line.lag_s < 0.5


def test_a_network_that_stalls_is_caught_up_with() -> None:
    line = Line(cost_s=0.04)
    line.play(20)
    line.clock.advance(6)  # what comes after it comes at once
    line.play(30)
    assert not any(line.heavy + line.behind)
    assert line.lag_s < 0.5


def test_it_is_tried_again_ever_more_rarely() -> None:
    line = Line(cost_s=0.15)
    line.play(400)
    changes = [at for at in range(1, len(line.heavy)) if line.heavy[at] and not line.heavy[at - 1]]
    assert len(changes) == 3
    assert changes[2] - changes[1] > 1.5 * (changes[1] - changes[0])
    assert line.lag_s < 5


def test_a_cause_that_passes_is_forgiven() -> None:
    line = Line(cost_s=0.15)
    line.play(20)
    assert line.heavy[-1]
    line.decoder.cost_s = 0.01
    line.play(70)
    assert not line.heavy[-1]


def test_streams_of_key_frames_alone_are_thinned_out() -> None:
    line = Line(cost_s=0.15, gop=1)
    line.play(20)
    assert line.heavy[-1]
    before = len(line.decoder.decoded)
    line.play(30)
    assert 30 * 0.25 / 0.15 * 0.7 <= len(line.decoder.decoded) - before <= 30 * 0.25 / 0.15 + 1


def test_clocks_that_drift_are_no_lag() -> None:
    line = Line(cost_s=0.09)
    for _ in range(60):
        line.away_s += 0.003  # 300 ppm
        line.play(10)
    assert line.lag_s < 0.5


def test_a_new_connection_begins_anew() -> None:
    line = Line(cost_s=0.0)
    line.play(5)
    line.clock.advance(100)
    assert line.keeping_up.spares(dataclasses.replace(packet(51), is_discontinuous=True)) is None
    assert line.lag_s == 0


@pytest.mark.parametrize("enabled", [True, False])
def test_the_gate_tells_and_key_frames_are_analysed(enabled: bool) -> None:
    clock = ManualClock()
    decoder = Costly(clock, 0.15)
    intake = Intake(decoder, clock, GateOptions(enabled=enabled))
    intake._metered._clock_s = lambda: decoder.cpu_s
    taken: list[Taken] = []
    for index in range(30 * FPS):
        clock.advance(max(0.0, index / FPS - clock.monotonic_s()))
        taken += intake.frames(packet(index))
        assert intake.gate is not None
        intake.gate.demand(1e6)
        if intake.gate.state is State.HEAVY:
            intake.gate.see_objects(index / FPS, 1)
    assert intake.gate is not None
    told = intake.gate.explain()
    assert (told.state, told.reason) == (State.HEAVY, Reason.HEAVY)
    assert told.packets == 30 * FPS
    assert told.seconds[State.HEAVY] > 10
    last = taken[-3:]
    assert [each.frame.camera_time_s for each in last] == [24, 26, 28]
    assert all(each.is_wanted and not each.is_look and not each.may_wait for each in last)
