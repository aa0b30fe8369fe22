from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sized_packets import STREAM, camera
from watchpost.config.gate import GateOptions
from watchpost.types import Packet
from watchpost.video.gate import Gate
from watchpost.video.gate_explained import Reason, State
from watchpost.video.gate_work import Work
from watchpost.video.picture_change import COLUMNS, ROWS
from watchpost.video.ring import Ring

Grey = NDArray[np.uint8]
EMPTY: Grey = np.full((ROWS, COLUMNS), 100, np.uint8)
PERSON: Grey = EMPTY.copy()
PERSON[10:18, 20:24] = 20


@dataclass
class Room:
    """A camera's gate, with a decoder that shows each packet's picture at once, and an analysis behind it."""

    options: GateOptions = field(default_factory=GateOptions)
    picture: Callable[[float], Grey] = lambda _: EMPTY
    """What a frame shows at a camera time."""
    objects: Callable[[float], int] | None = lambda _: 0
    """What the analysis finds; `None`: it says nothing."""

    def __post_init__(self) -> None:
        self.ring = Ring(max_bytes=1 << 24, max_seconds=12)
        self.gate = Gate(self.options, self.ring)
        self.awake: list[float] = []
        """Times of the frames that came out while awake."""
        self.alone: list[float] = []
        self.states: list[tuple[float, State, Reason]] = []
        self._known_s = -1.0
        self._shown: set[float] = set()
        """Since the decoder last went back: it shows nothing twice."""
        self._next_dts: int | None = None

    def play(self, packets: Iterable[Packet]) -> Room:
        for packet in packets:
            self.ring.add(packet)
            work = self.gate.admit(packet)
            if not self.states or self.states[-1][1:] != (self.gate.state, self.gate.reason):
                self.states.append((packet.camera_time_s or 0.0, self.gate.state, self.gate.reason))
            for shown in self._decoded(work):
                if self.gate.wants_picture(shown):
                    self.gate.see_picture(shown, self.picture(shown))
                if self.objects is not None:
                    self.gate.see_objects(shown, self.objects(shown))
        return self

    def _decoded(self, work: Work) -> list[float]:
        """As a decoder does it, which can not go on in the middle of a group of pictures."""
        if work.known_until_s is not None:
            self._known_s, self._next_dts = work.known_until_s, None
            self._shown.clear()
        shown = []
        for packet in work.packets:
            time_s = packet.camera_time_s or 0.0
            assert packet.is_key or self._next_dts in (None, packet.dts) or packet.dts is None
            assert packet.is_key or self._next_dts is not None, "a frame that needs others that were not decoded"
            self._next_dts = None if work.is_alone else (packet.dts or 0) + 1
            if work.is_alone:
                self.alone.append(time_s)
            elif time_s > self._known_s and time_s not in self._shown:
                assert time_s not in self.awake, "a frame analysed twice"
                self.awake.append(time_s)
            else:
                continue
            shown.append(time_s)
            self._shown.add(time_s)
        return shown

    def woke(self) -> list[tuple[float, Reason]]:
        return [(time_s, reason) for time_s, state, reason in self.states if state is State.AWAKE]


def visits(*spans: tuple[float, float]) -> Callable[[float], bool]:
    return lambda time_s: any(enter <= time_s < leave for enter, leave in spans)


def test_a_quiet_camera_sleeps_and_shows_its_key_frames_alone() -> None:
    room = Room().play(camera(60))
    assert [state[1:] for state in room.states] == [(State.ASLEEP, Reason.START), (State.ASLEEP, Reason.QUIET)]
    assert room.states[1][0] == 4.1, "the packet after the third look"
    assert room.awake == []
    assert room.alone == [float(second) for second in range(0, 60, 2)]
    explained = room.gate.explain()
    assert explained.packets == 600
    assert explained.looks == len(room.alone)
    assert explained.decoded == explained.looks + len(room.awake)
    assert explained.skipped == 600 - explained.decoded
    assert sum(explained.seconds.values()) == pytest.approx(59.9)
    assert explained.key_interval_s == 2.0
    assert explained.usual


@pytest.mark.parametrize(("gop_s", "apart"), [(0.5, 1.5), (1.0, 2.0), (2.0, 2.0), (4.0, 4.0)])
def test_short_groups_are_passed_over(gop_s: float, apart: float) -> None:
    alone = Room().play(camera(60, gop_s)).alone
    assert np.diff(alone[:3]) == pytest.approx(gop_s), "at the start, each"
    assert set(np.diff(alone[2:]).round(1)) == {apart}


def test_packet_sizes_wake_and_decoding_goes_back_to_the_quiet_key_frame() -> None:
    is_there = visits((61.3, 70))
    room = Room(objects=is_there)
    room.play(camera(90, size=lambda time_s: 1500 if is_there(time_s) else 400))

    ((woke_s, reason),) = room.woke()
    assert reason is Reason.SIZES
    assert 61.3 < woke_s < 62, "before the next key frame"
    again = [time_s for time_s in room.awake if time_s > 10]
    assert again[0] == 60.1, "the frame after the last key frame that was quiet"
    assert np.allclose(np.diff(again), 0.1)
    assert 70.8 <= again[-1] < 72, "asleep again after a quiet spell"


def test_a_person_whom_the_sizes_do_not_show_is_seen_from_the_first_frame() -> None:
    is_there = visits((60.7, 70))
    room = Room(objects=is_there, picture=lambda time_s: PERSON if is_there(time_s) else EMPTY).play(camera(90))
    assert room.woke() == [(62.1, Reason.PICTURE)]
    assert min(time_s for time_s in room.awake if time_s > 10) == 60.1


def test_objects_on_a_key_frame_wake_although_they_are_told_late() -> None:
    room = Room(objects=None).play(camera(40))
    room.gate.see_objects(38.0, 1)
    room.play(camera(0.1, start_s=40))
    assert room.woke() == [(40.0, Reason.OBJECTS)]
    assert min(time_s for time_s in room.awake if time_s > 10) == 36.1, "from the key frame before"


def test_somebody_who_is_found_keeps_it_awake_however_still_they_are() -> None:
    is_there = visits((30, 200))
    room = Room(objects=is_there, picture=lambda time_s: PERSON if is_there(time_s) else EMPTY).play(camera(220))
    asleep = [time_s for time_s, state, reason in room.states if (state, reason) == (State.ASLEEP, Reason.QUIET)]
    assert asleep == [pytest.approx(4.1), pytest.approx(201, abs=0.3)]


def test_who_has_just_gone_does_not_wake_it_again() -> None:
    """Its last picture awake still showed somebody; the first look, which does not, is left to the analysis."""
    is_there = visits((30, 35))
    lingers = visits((30, 35.9))  # a last glimpse that no detector finds anybody in
    room = Room(objects=is_there, picture=lambda time_s: PERSON if lingers(time_s) else EMPTY).play(camera(60))
    assert len(room.woke()) == 1
    assert max(room.awake) < 36.2


def test_who_comes_back_behind_the_first_look_is_still_found() -> None:
    is_there = visits((30, 35), (36.5, 45))
    room = Room(objects=is_there, picture=lambda time_s: PERSON if is_there(time_s) else EMPTY).play(camera(60))
    awake = {round(time_s, 1) for time_s in room.awake}
    assert all(round(36.5 + index / 10, 1) in awake for index in range(85))


def test_it_does_not_get_used_to_a_person_who_stays() -> None:
    is_there = visits((60, 300), (330, 340))
    room = Room(objects=is_there)
    room.play(camera(360, size=lambda time_s: 1500 if is_there(time_s) else 400))
    assert [reason for _, reason in room.woke()] == [Reason.OBJECTS, Reason.OBJECTS]
    assert room.gate.explain().usual[-1].size == pytest.approx(400, rel=0.1)


def test_rain_wakes_it_once_and_is_then_the_usual() -> None:
    room = Room().play(camera(300, size=lambda time_s: 2000 if time_s > 60 else 400))
    assert [reason for _, reason in room.woke()] == [Reason.SIZES]
    assert room.gate.state is State.ASLEEP
    assert room.gate.explain().seconds[State.AWAKE] < 40
    assert room.gate.explain().usual[-1].size == pytest.approx(2000, rel=0.1)


def test_false_wakes_by_sizes_raise_the_threshold() -> None:
    bursts = visits(*((60 + 25 * number, 62 + 25 * number) for number in range(40)))
    room = Room().play(camera(1060, size=lambda time_s: 550 if bursts(time_s) else 400))
    explained = room.gate.explain()
    assert explained.false_wakes == len(room.woke()) > 0
    assert explained.threshold > GateOptions().threshold
    assert len([time_s for time_s, _ in room.woke() if time_s > 800]) == 0


@pytest.mark.parametrize("by_picture", [True, False])
@pytest.mark.parametrize("gop_s", [1.0, 2.0, 4.0])
def test_whenever_somebody_comes_back_no_frame_of_theirs_is_missing(gop_s: float, by_picture: bool) -> None:
    for gap in range(1, 45, 1 if gop_s == 1 else 4):
        is_there = visits((20.3, 25.0), (25.0 + gap / 10, 30.0 + gap / 10))
        room = Room(objects=is_there, picture=lambda time_s: PERSON if by_picture and is_there(time_s) else EMPTY)  # noqa: B023
        room.play(camera(40, gop_s))
        awake = {round(time_s, 1) for time_s in room.awake}
        missing = [index / 10 for index in range(400) if is_there(index / 10) and index / 10 not in awake]
        assert not missing, f"gap of {gap / 10} s"


def test_false_wakes_by_pictures_raise_their_threshold_and_people_are_still_seen() -> None:
    def splashes(time_s: float) -> Grey:
        picture = EMPTY.copy()
        row, column = np.random.default_rng(round(time_s)).integers(0, (ROWS - 2, COLUMNS - 2))
        picture[row : row + 2, column : column + 2] += 60
        return picture

    is_there = visits((601, 610))
    room = Room(objects=is_there, picture=lambda time_s: PERSON if is_there(time_s) else splashes(time_s))
    room.play(camera(640))
    assert room.gate.explain().fewest_cells > 4
    assert {round(601 + index / 10, 1) for index in range(90)} <= {round(time_s, 1) for time_s in room.awake}


def test_a_demand_keeps_it_awake() -> None:
    room = Room().play(camera(20))
    room.gate.demand(25.0)
    room.play(camera(20, start_s=20))
    assert room.states[-2][:2] == (20.0, State.AWAKE)
    assert room.states[-2][2] is Reason.DEMAND
    assert room.states[-1][:2] == (pytest.approx(26, abs=0.2), State.ASLEEP)


def test_waking_in_the_group_in_which_it_fell_asleep_goes_on_where_it_stopped() -> None:
    room = Room().play(camera(20.5, gop_s=4))
    room.gate.demand(21.0)
    room.play(camera(3, gop_s=4, start_s=20.5))
    assert room.gate.state is State.ASLEEP
    repeated = room.gate.explain().repeated
    room.gate.demand(30)
    room.play(camera(0.2, gop_s=4, start_s=23.5))
    assert room.gate.state is State.AWAKE
    assert room.gate.explain().repeated == repeated
    again = [time_s for time_s in room.awake if time_s > 16]
    assert again[0] == 20.1
    assert again[-1] == 23.6
    assert np.allclose(np.diff(again), 0.1)


@pytest.mark.parametrize("gop_s", [None, 10.0])
def test_missing_and_rare_key_frames_open_it(gop_s: float | None) -> None:
    first_is_key = replace(next(camera(0.1)), is_key=True)
    room = Room().play([first_is_key, *list(camera(120, gop_s))[1:]])
    assert room.gate.state is State.OPEN
    assert room.gate.reason is Reason.KEY_FRAMES
    assert room.alone == [0.0]
    assert len(room.awake) == 1199, "all the others, those from before it was opened too"
    assert [state for _, state, _ in room.states] == [State.ASLEEP, State.OPEN]
    assert room.states[1][0] == pytest.approx(5.1)


def test_a_stream_that_sends_key_frames_again_is_trusted_again() -> None:
    room = Room().play(camera(60)).play(camera(20, 10.0, start_s=60)).play(camera(60, start_s=80))
    assert [(state, reason) for _, state, reason in room.states[2:]] == [
        (State.OPEN, Reason.KEY_FRAMES),
        (State.AWAKE, Reason.START),
        (State.ASLEEP, Reason.QUIET),
    ]


def test_a_camera_that_never_settles_is_left_open() -> None:
    def leaves_blow_about(time_s: float) -> Grey:
        picture = EMPTY.copy()
        if time_s // 2 % 4 == 0:
            row, column = np.random.default_rng(int(time_s // 2)).integers(0, (ROWS - 8, COLUMNS - 8))
            picture[row : row + 8, column : column + 8] = 20
        return picture

    room = Room(picture=leaves_blow_about).play(camera(400))
    assert (State.OPEN, Reason.UNSETTLED) in {(state, reason) for _, state, reason in room.states}
    assert room.gate.explain().false_wakes >= 6
    assert room.gate.explain().seconds[State.OPEN] >= 250


def test_a_screen_that_flickers_is_noise() -> None:
    flickers = visits(*((20 + 8 * number, 21 + 8 * number) for number in range(200)))
    room = Room(picture=lambda time_s: PERSON if flickers(time_s // 2 * 2) else EMPTY).play(camera(400))
    assert all(state is not State.OPEN for _, state, _ in room.states)
    assert len(room.woke()) < 6


@pytest.mark.parametrize("max_bytes", [100, 24_000])
def test_a_ring_that_can_not_hold_a_group_opens_it_before_anything_is_lost(max_bytes: int) -> None:
    room = Room()
    room.ring = Ring(max_bytes, max_seconds=12)
    room.gate = Gate(GateOptions(), room.ring)
    room.play(camera(30))
    assert (room.gate.state, room.gate.reason) == (State.OPEN, Reason.RING)
    assert len({*room.awake, *room.alone}) == 300
    assert room.gate.explain().lost_s == 0


def test_missing_key_frames_open_it_before_a_short_ring_has_dropped_the_last() -> None:
    room = Room(GateOptions(longest_gop=5))
    room.ring = Ring(1 << 24, max_seconds=4)
    room.gate = Gate(room.options, room.ring)
    room.play(camera(30, 10.0))
    assert (room.gate.state, room.gate.reason) == (State.OPEN, Reason.KEY_FRAMES)
    assert len({*room.awake, *room.alone}) == 300


def test_a_ring_that_holds_no_key_frame_on_waking_is_told() -> None:
    room = Room().play(camera(10))
    empty = Ring(max_bytes=100, max_seconds=12)
    room.gate._ring = empty
    room.gate.demand(30)
    work = room.gate.admit(next(camera(0.1, start_s=10.1)))
    assert len(work.packets) == 1
    assert work.known_until_s is not None, "the decoder waits for the next key frame"
    assert room.gate.explain().lost_s > 0
    assert (room.gate.state, room.gate.reason) == (State.OPEN, Reason.RING)


def test_switched_off_it_decodes_everything() -> None:
    room = Room(GateOptions(enabled=False)).play(camera(30))
    assert len(room.awake) == 300
    assert (room.gate.state, room.gate.reason) == (State.OPEN, Reason.OFF)


def test_a_new_stream_is_learned_anew() -> None:
    other = replace(STREAM)
    room = Room().play(camera(30)).play(replace(packet, stream=other) for packet in camera(30, start_s=30))
    assert [reason for *_, reason in room.states] == [Reason.START, Reason.QUIET] * 2
    assert all(state is State.ASLEEP for _, state, _ in room.states)
    assert room.alone == [float(second) for second in range(0, 60, 2)]


def test_b_frames_come_in_order_and_once() -> None:
    is_there = visits((61.3, 66))
    room = Room(objects=is_there)
    room.play(camera(90, bframes=True, size=lambda time_s: 1500 if is_there(time_s) else 400))
    assert [reason for _, reason in room.woke()] == [Reason.SIZES]
    assert {round(time_s, 1) for time_s in room.awake} >= {round(61.3 + 0.1 * number, 1) for number in range(40)}


@pytest.mark.parametrize("gop_s", [0.1, 0.5, 1.0, 2.0])
def test_a_start_costs_a_few_key_frames(gop_s: float) -> None:
    room = Room().play(camera(6, gop_s))
    assert room.awake == []
    assert room.gate.explain().decoded <= 6


@pytest.mark.parametrize("enters_s", [0.0, 1.0, 1.9, 2.0, 3.0])
@pytest.mark.parametrize("start_s", [0.0, 1000.0])
def test_who_is_there_as_the_stream_begins_is_seen_from_their_first_frame_on(enters_s: float, start_s: float) -> None:
    is_there = visits((start_s + enters_s, start_s + 8))
    room = Room(objects=is_there, picture=lambda time_s: PERSON if is_there(time_s) else EMPTY)
    room.play(camera(12, start_s=start_s))
    look_s = next(float(second) for second in (0, 2, 4) if second >= enters_s)
    woke_s, _ = room.woke()[0]
    assert woke_s == pytest.approx(start_s + look_s + 0.1), "with the packet after the look that shows them"
    first = start_s + max(0.0, look_s - 1.9) if enters_s else start_s
    expected = np.arange(round(first * 10), round((start_s + 8) * 10)) / 10
    assert room.awake[: len(expected)] == pytest.approx(expected)
    assert room.gate.explain().lost_s == 0
    assert room.gate.state is State.ASLEEP, "they have gone"


def test_who_is_told_late_of_the_first_look_is_seen_from_the_first_packet_on() -> None:
    room = Room(objects=None).play(camera(3.5))
    assert room.gate.reason is Reason.START
    room.gate.see_objects(0.0, 1)
    room.play(camera(0.5, start_s=3.5))
    assert room.woke() == [(3.5, Reason.OBJECTS)]
    assert room.awake == pytest.approx(np.arange(40) / 10)


def test_a_new_stream_does_not_go_back_into_the_one_before() -> None:
    other = replace(STREAM)
    is_there = visits((33, 36))
    room = Room(objects=is_there).play(camera(30.5))
    room.play(replace(packet, stream=other) for packet in camera(12, start_s=30.5))  # its first key frame is at 32
    assert room.woke() == [(34.1, Reason.OBJECTS)]
    assert room.awake[0] == 32.1
    room = Room(objects=visits((30, 36))).play(camera(29.9))
    room.play(replace(packet, stream=other) for packet in camera(12, start_s=30.5))
    assert room.woke()[0] == (32.1, Reason.OBJECTS)
    assert room.awake[0] == 32.0


def test_a_clock_that_restarts_between_key_frames_is_told_to_the_decoder() -> None:
    gate, ring = Gate(GateOptions(), Ring(1 << 24, 12)), Ring(1 << 24, 12)
    for packet in camera(10.5):
        ring.add(packet)
        gate.admit(packet)
    packet = replace(next(camera(0.1, start_s=10.5)), is_discontinuous=True)
    assert gate.admit(packet).packets == (packet,)
    assert (gate.state, gate.reason) == (State.ASLEEP, Reason.START)


def test_a_restart_that_a_look_has_told_is_not_told_again() -> None:
    room = Room(objects=lambda time_s: time_s >= 32)
    packets = list(camera(4, start_s=30))
    packets[0] = replace(packets[0], is_discontinuous=True)
    room.play(camera(30)).play(packets[:20])
    room.ring.add(packets[20])
    room.gate.admit(packets[20])
    room.gate.see_objects(32.0, 1)
    room.ring.add(packets[21])
    work = room.gate.admit(packets[21])
    assert [packet.dts for packet in work.packets] == list(range(300, 322))
    assert not any(packet.is_discontinuous for packet in work.packets)


def test_packets_without_times_are_refused() -> None:
    gate = Gate(GateOptions(), Ring(1000, 10))
    with pytest.raises(ValueError, match="timestamp filter"):
        gate.admit(replace(next(camera(1)), pts=None))
