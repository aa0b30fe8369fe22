from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import pytest

from watchpost.clock import ManualClock
from watchpost.errors import SourceError
from watchpost.runtime.reconnect import Policy, State, packets
from watchpost.types import Packet, StreamInfo

Step = float | SourceError
"""What a scripted source does: send a packet this many seconds after the one before, or break off."""
STEADY = Policy(jitter=0)


class Script:
    """Opens one scripted source after the other; the last script is played again and again."""

    def __init__(self, clock: ManualClock, *scripts: Sequence[Step], is_live: bool = True) -> None:
        self.clock = clock
        self.scripts = list(scripts)
        self.is_live = is_live
        self.opened: list[ScriptedSource] = []

    def __call__(self) -> ScriptedSource:
        steps = self.scripts[min(len(self.opened), len(self.scripts) - 1)]
        self.opened.append(ScriptedSource(self.clock, steps, self.is_live))
        return self.opened[-1]


class ScriptedSource:
    def __init__(self, clock: ManualClock, steps: Sequence[Step], is_live: bool) -> None:
        self.clock = clock
        self.steps = steps
        self.stream = StreamInfo("h264", 64, 48, Fraction(1, 1000), Fraction(25), is_live=is_live)
        self.closed = 0

    def packets(self) -> Iterator[Packet]:
        pts = 0
        for step in self.steps:
            if isinstance(step, SourceError):
                raise step
            self.clock.advance(step)
            pts += round(step * 1000)
            yield Packet("door", self.stream, pts, pts, True, 1, self.clock.wall_time_s(), None)

    def close(self) -> None:
        self.closed += 1


def lost(text: str = "gone.") -> SourceError:
    return SourceError(text)


def refused() -> SourceError:
    return SourceError("wrong user or password.", permanent=True)


def take(
    script: Callable[[], ScriptedSource], clock: ManualClock, count: int, policy: Policy = STEADY, chance: float = 0.5
) -> tuple[list[Packet], list[State]]:
    states: list[State] = []
    taken: list[Packet] = []
    for packet in packets(script, clock, threading.Event(), policy, states.append, lambda: chance):
        taken.append(packet)
        if len(taken) == count:
            break
    return taken, states


def test_a_file_ends_at_its_end() -> None:
    clock = ManualClock()
    script = Script(clock, [0.04] * 3, is_live=False)
    taken, states = take(script, clock, 100)
    assert len(taken) == 3
    assert [state.name for state in states] == ["connecting", "live"]
    assert script.opened[0].closed
    assert clock.waits_s == []


def test_a_lost_camera_is_reconnected_and_its_first_packet_marked() -> None:
    clock = ManualClock()
    script = Script(clock, [0.04, 0.04, lost("camera 7 is gone.")], [0.04] * 9)
    taken, states = take(script, clock, 5)

    assert [packet.is_discontinuous for packet in taken] == [False, False, True, False, False]
    assert [state.name for state in states] == ["connecting", "live", "lost", "connecting", "live"]
    assert states[2] == State("lost", "camera 7 is gone.", 1.0)
    assert states[2].detail == "camera 7 is gone. Trying again in 1 s."
    assert all(source.closed for source in script.opened)


def test_camera_time_goes_on_by_the_time_that_has_passed() -> None:
    clock = ManualClock()
    taken, _ = take(Script(clock, [0.04, 0.04, lost()], [0.04] * 9), clock, 4)
    times = [packet.camera_time_s for packet in taken]
    assert times == pytest.approx([0, 0.04, 1.08, 1.12])


def test_the_delay_grows_to_its_limit() -> None:
    clock = ManualClock()
    take(Script(clock, *[[lost()]] * 9, [0.04]), clock, 1)
    assert clock.waits_s == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize(("chance", "expected"), [(0.0, [0.8, 1.6]), (1.0, [1.2, 2.4])])
def test_the_delay_varies_at_random(chance: float, expected: list[float]) -> None:
    clock = ManualClock()
    take(Script(clock, [lost()], [lost()], [0.04]), clock, 1, Policy(jitter=0.2), chance)
    assert clock.waits_s == pytest.approx(expected)


def test_the_delay_of_a_camera_that_is_away_for_months_stays_a_number() -> None:
    assert Policy().delay_s(10**7, 0.5) == 60.0


def test_steady_flow_starts_with_the_first_delay_again() -> None:
    clock = ManualClock()
    script = Script(clock, [lost()], [lost()], [1.0] * 40 + [lost()], [0.04])  # type: ignore[list-item]
    take(script, clock, 41)
    assert clock.waits_s == [1, 2, 1]


def test_a_camera_that_flaps_waits_longer_and_longer() -> None:
    clock = ManualClock()
    take(Script(clock, [0.04, lost()]), clock, 5)
    assert clock.waits_s == [1, 2, 4, 8]


def test_permanent_at_the_first_connection_is_raised() -> None:
    clock = ManualClock()
    script = Script(clock, [refused()])
    with pytest.raises(SourceError, match="wrong user"):
        take(script, clock, 1)
    assert len(script.opened) == 1
    assert script.opened[0].closed
    assert clock.waits_s == []


def test_permanent_after_failures_that_pass_is_raised_too() -> None:
    clock = ManualClock()
    with pytest.raises(SourceError, match="wrong user"):
        take(Script(clock, [lost()], [refused()]), clock, 1)
    assert clock.waits_s == [1]


def test_permanent_after_it_has_worked_is_retried() -> None:
    clock = ManualClock()
    taken, states = take(Script(clock, [0.04, lost()], [refused()], [refused()], [0.04]), clock, 2)
    assert len(taken) == 2
    assert [state.name for state in states].count("lost") == 3


def test_an_address_that_can_not_be_opened_is_raised() -> None:
    def open_source() -> ScriptedSource:
        raise refused()

    with pytest.raises(SourceError):
        take(open_source, ManualClock(), 1)


def test_a_file_that_breaks_off_is_not_played_again() -> None:
    clock = ManualClock()
    script = Script(clock, [0.04, lost("clip.mp4 is damaged.")], is_live=False)
    with pytest.raises(SourceError, match="damaged"):
        take(script, clock, 5)
    assert len(script.opened) == 1


def test_stop_ends_the_waiting() -> None:
    clock = ManualClock()
    stop = threading.Event()
    seen = []

    def on_state(state: State) -> None:
        seen.append(state.name)
        if seen.count("lost") == 3:
            stop.set()

    assert list(packets(Script(clock, [lost()]), clock, stop, STEADY, on_state)) == []
    assert clock.waits_s == [1, 2]


def test_stop_after_a_packet_closes_the_source() -> None:
    clock = ManualClock()
    stop = threading.Event()
    script = Script(clock, [0.04] * 9)
    taken = []
    for packet in packets(script, clock, stop):
        taken.append(packet)
        stop.set()
    assert len(taken) == 1
    assert script.opened[0].closed


def test_stop_closes_a_source_that_blocks() -> None:
    class Blocking:
        def __init__(self) -> None:
            self.closed = threading.Event()

        def packets(self) -> Iterator[Packet]:
            assert self.closed.wait(10), "nobody closed the source"
            raise lost()
            yield  # a generator that never yields

        def close(self) -> None:
            self.closed.set()

    stop = threading.Event()
    states: list[State] = []

    def on_state(state: State) -> None:
        states.append(state)
        threading.Timer(0.01, stop.set).start()

    assert list(packets(Blocking, ManualClock(), stop, STEADY, on_state)) == []
    assert [state.name for state in states] == ["connecting"]


def test_leaving_the_iteration_closes_the_source() -> None:
    clock = ManualClock()
    script = Script(clock, [0.04] * 9)
    for _ in packets(script, clock, threading.Event()):
        break
    assert script.opened[0].closed


def test_a_first_connection_that_must_succeed_is_tried_once_and_later_ones_for_ever() -> None:
    policy = Policy(first_must_succeed=True)
    clock = ManualClock()
    with pytest.raises(SourceError, match="no route"):
        take(Script(clock, [lost("no route.")]), clock, 1, policy)
    assert clock.waits_s == []
    taken, _ = take(Script(clock, [0.04, lost()], [lost()], [0.04]), clock, 2, policy)
    assert len(taken) == 2
