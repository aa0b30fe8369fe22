from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.types import Packet, StreamInfo
from watchpost.video.timestamps import mended

MS = Fraction(1, 1000)
MPEG = Fraction(1, 90_000)
WRAP = 1 << 33
Times = tuple[int | None, int | None]


def stream(time_base: Fraction = MS, *, is_live: bool = False, rate: int | None = 25) -> StreamInfo:
    return StreamInfo("h264", 64, 48, time_base, None if rate is None else Fraction(rate), is_live=is_live)


def script(
    times: Sequence[Times],
    info: StreamInfo | None = None,
    *,
    walls: Sequence[float] | None = None,
    marks: frozenset[int] = frozenset(),
) -> list[Packet]:
    """Packets with the given (pts, dts); those in `marks` are discontinuous."""
    info = info or stream()
    return [
        Packet(
            "door", info, pts, dts, index == 0, 10, walls[index] if walls else 0.0, object(),
            is_discontinuous=index in marks,
        )
        for index, (pts, dts) in enumerate(times)
    ]  # fmt: skip


def run(packets: Sequence[Packet]) -> tuple[list[Times], list[int]]:
    """(pts, dts) of the mended packets, and which are discontinuous; the invariants are checked on the way."""
    out = list(mended(packets))
    assert len(out) == len(packets)
    dts = [packet.dts * packet.stream.time_base for packet in out if packet.dts is not None]
    assert len(dts) == len(out)
    assert all(before < after for before, after in itertools.pairwise(dts))
    assert all(packet.pts is not None and packet.dts is not None and packet.pts >= packet.dts for packet in out)
    assert [packet.payload for packet in out] == [packet.payload for packet in packets]
    marked = [index for index, packet in enumerate(out) if packet.is_discontinuous]
    return [(packet.pts, packet.dts) for packet in out], marked


def plain(*times: int) -> list[Times]:
    return [(time, time) for time in times]


def test_camera_time_starts_at_0() -> None:
    assert run(script(plain(5000, 5040, 5080))) == (plain(0, 40, 80), [])


def test_uneven_but_growing_times_are_kept() -> None:
    assert run(script(plain(0, 40, 41, 400, 9000, 9010))) == (plain(0, 40, 41, 400, 9000, 9010), [])


def test_reordered_frames_keep_their_distance() -> None:
    times: list[Times] = [(80, 0), (200, 40), (120, 80), (160, 120), (320, 160)]
    assert run(script(times)) == ([(0, -80), (120, -40), (40, 0), (80, 40), (240, 80)], [])


def test_repeated_times_move_on_by_a_tick() -> None:
    assert run(script(plain(0, 40, 40, 40, 80))) == (plain(0, 40, 41, 42, 80), [])


def test_a_step_back_goes_on_with_the_next_frame() -> None:
    assert run(script(plain(0, 40, 80, 120, -380, -340, -300))) == (plain(0, 40, 80, 120, 160, 200, 240), [])


def test_a_small_gap_is_kept() -> None:
    assert run(script(plain(0, 40, 3000, 3040)))[0] == plain(0, 40, 3000, 3040)


@pytest.mark.parametrize("leap", [-5_000, -500_000_000, 200_000, 90_000_000])
def test_a_leap_restarts_and_time_goes_on(leap: int) -> None:
    times = plain(1000, 1040, 1080, 1120 + leap, 1160 + leap)
    assert run(script(times)) == (plain(0, 40, 80, 120, 160), [3])


def test_a_restart_with_reordering_keeps_dts_growing() -> None:
    group: list[Times] = [(80, 0), (200, 40), (120, 80), (160, 120)]
    times, marked = run(script(group + [(900_000 + pts, 900_000 + dts) for pts, dts in group]))
    assert marked == [4]
    assert times[4][0] >= 160
    assert [pts - times[4][0] for pts, _ in times[4:]] == [0, 120, 40, 80]


def test_a_marked_packet_restarts_without_a_leap() -> None:
    assert run(script(plain(0, 40, 0, 40), marks=frozenset({2}))) == (plain(0, 40, 80, 120), [2])


def test_the_first_packet_is_no_restart() -> None:
    assert run(script(plain(700, 740), marks=frozenset({0}))) == (plain(0, 40), [])


def test_a_camera_that_stalls_and_goes_on_is_no_restart() -> None:
    packets = script(plain(0, 40, 30_040), stream(is_live=True), walls=[0.0, 0.04, 30.04])
    assert run(packets) == (plain(0, 40, 30_040), [])


def test_a_camera_that_leaps_without_a_stall_restarts() -> None:
    packets = script(plain(0, 40, 30_040, 30_080), stream(is_live=True), walls=[0.0, 0.04, 0.08, 0.12])
    assert run(packets) == (plain(0, 40, 80, 120), [2])


def test_a_lost_camera_comes_back_after_the_time_that_has_passed() -> None:
    packets = script(
        plain(9000, 9040, 0, 40), stream(is_live=True), walls=[0.0, 0.04, 60.04, 60.08], marks=frozenset({2})
    )
    assert run(packets) == (plain(0, 40, 60_040, 60_080), [2])


def test_a_wall_clock_that_is_set_back_does_no_harm() -> None:
    packets = script(plain(0, 40, 0), stream(is_live=True), walls=[500.0, 500.04, 3.0], marks=frozenset({2}))
    assert run(packets) == (plain(0, 40, 80), [2])


def test_slow_pictures_are_no_leap() -> None:
    info = StreamInfo("mjpeg", 64, 48, MS, Fraction(1, 60))
    assert run(script(plain(0, 60_000, 180_000), info)) == (plain(0, 60_000, 180_000), [])


def test_wrap_around_is_undone() -> None:
    before = [WRAP - 7200, WRAP - 3600, 0, 3600]
    assert run(script(plain(*before), stream(MPEG))) == (plain(0, 3600, 7200, 10800), [])


def test_wrap_around_between_pts_and_dts() -> None:
    times: list[Times] = [(WRAP - 3600, WRAP - 10800), (7200, WRAP - 7200), (0, WRAP - 3600), (3600, 0)]
    expected: list[Times] = [(0, -7200), (10800, -3600), (3600, 0), (7200, 3600)]
    assert run(script(times, stream(MPEG))) == (expected, [])


def test_wrap_around_twice() -> None:
    steps = [index * 3600 * 25 * 30 for index in range(-40, 4000)]
    packets = script(plain(*[step % WRAP for step in steps]), stream(MPEG))
    assert run(packets) == (plain(*[step - steps[0] for step in steps]), [])


def test_missing_pts_comes_from_dts() -> None:
    assert run(script([(100, 100), (None, 140), (None, 180)])) == (plain(0, 40, 80), [])


def test_missing_times_come_from_the_rate() -> None:
    assert run(script([(None, None)] * 4, stream(rate=10))) == (plain(0, 100, 200, 300), [])


def test_missing_times_without_a_rate_count_25_a_second() -> None:
    assert run(script([(None, None)] * 3, stream(rate=None))) == (plain(0, 40, 80), [])


def test_missing_times_of_a_camera_go_by_the_wall_clock() -> None:
    packets = script([(None, None)] * 5, stream(is_live=True), walls=[7.0, 7.1, 7.25, 7.25, 7.5])
    assert run(packets) == (plain(0, 100, 250, 290, 540), [])


def test_a_camera_whose_times_stand_still_goes_by_the_wall_clock() -> None:
    walls = [index / 10 for index in range(14)]
    packets = script(plain(*[500] * 14), stream(is_live=True), walls=walls)
    assert run(packets) == (plain(*range(10), 100, 200, 300, 400), [])
    assert run(script(plain(*[500] * 14)))[0] == plain(*range(14)), "in a file no time passes"


def test_a_camera_whose_times_move_again_is_believed_again() -> None:
    walls = [index / 10 for index in range(14)]
    packets = script(plain(*[500] * 12, 540, 640), stream(is_live=True), walls=walls)
    times, marked = run(packets)
    assert marked == []
    assert times[-1][0] - times[-2][0] == 100


def test_a_hole_in_the_times_is_filled() -> None:
    assert run(script([(0, 0), (40, 40), (None, None), (120, 120)])) == (plain(0, 40, 80, 120), [])


def test_times_that_begin_later_are_no_leap() -> None:
    times: list[Times] = [(None, None), (None, None), (500_000, 500_000), (500_040, 500_040)]
    assert run(script(times, stream(is_live=True))) == (plain(0, 40, 80, 120), [])


def test_times_that_begin_later_after_a_loss_restart_but_once() -> None:
    times: list[Times] = [(9_000_000, 9_000_000), (9_000_040, 9_000_040), (None, None), (80, 80), (120, 120)]
    packets = script(times, stream(is_live=True), marks=frozenset({2}))
    assert run(packets) == (plain(0, 40, 80, 120, 160), [2])


def test_missing_dts_leaves_reordered_pts_as_they_are() -> None:
    pts = [0, 120, 40, 80, 240, 160, 200, 360, 280, 320]
    times, marked = run(script([(time, None) for time in pts]))
    assert [out for out, _ in times] == pts
    assert marked == []


def test_dts_that_appears_later_is_no_step_back() -> None:
    times, marked = run(script([(0, None), (120, None), (40, 0), (80, 40), (240, 80)]))
    assert [pts for pts, _ in times] == [0, 120, 40, 80, 240]
    assert marked == []


def test_pts_before_or_far_after_dts_is_replaced() -> None:
    assert run(script([(0, 0), (10, 40), (99_000, 80)])) == (plain(0, 40, 80), [])


def test_a_new_time_base_goes_on() -> None:
    packets = script(plain(0, 40, 80)) + script(plain(10_800, 14_400), stream(MPEG))
    assert run(packets) == ([*plain(0, 40, 80), *plain(10_800, 14_400)], [])


times = st.one_of(st.none(), st.integers(-(10**6), 10**6), st.integers(0, WRAP - 1))


@given(
    st.lists(st.tuples(times, times, st.booleans(), st.floats(0, 1e6)), max_size=30),
    st.sampled_from([MS, MPEG]),
    st.booleans(),
)
def test_whatever_comes_in_time_goes_on(
    packets: list[tuple[int | None, int | None, bool, float]], time_base: Fraction, is_live: bool
) -> None:
    info = stream(time_base, is_live=is_live)
    run(
        [Packet("door", info, pts, dts, True, 1, wall, None, is_discontinuous=mark) for pts, dts, mark, wall in packets]
    )
