"""Events against the truth, with scripted visits."""

from __future__ import annotations

import dataclasses

import pytest

from watchpost.fleet.scoring import Reported, Score, percentiles, score
from watchpost.fleet.visits import Visit, busy_s, in_camera


def visit(enter_s: float, leave_s: float, *, seen_after_s: float | None = 0.5, is_cut: bool = False) -> Visit:
    seen_from_s = None if seen_after_s is None else enter_s + seen_after_s
    return Visit(enter_s, leave_s, seen_from_s, leave_s - enter_s - 1.0, is_cut)


def reported(start_s: float, end_s: float) -> Reported:
    return Reported(start_s, end_s, start_s + 0.6)


def test_a_visit_reported_once_is_found_with_its_delay() -> None:
    result = score([visit(10, 20)], [reported(10.7, 19)], 5, 60)
    assert (result.expected, result.found, result.duplicates, result.false) == (1, 1, 0, 0)
    assert result.delays_s == pytest.approx((0.8,))
    assert result.start_errors_s == pytest.approx((0.2,))
    assert (result.recall, result.precision) == (1.0, 1.0)


def test_a_visit_reported_in_two_parts_is_found_once_and_doubled_once() -> None:
    result = score([visit(10, 20)], [reported(10.7, 13), reported(14, 19)], 5, 60)
    assert (result.found, result.duplicates, result.false) == (1, 1, 0)
    assert result.delays_s == pytest.approx((3.5 + 0.6,))  # matched to the longer part
    assert result.precision == 0.5


def test_nobody_there_is_false_and_nobody_reported_is_missed() -> None:
    result = score([visit(10, 20)], [reported(30, 35)], 5, 60)
    assert (result.expected, result.found, result.false) == (1, 0, 1)
    assert (result.recall, result.precision) == (0.0, 0.0)


def test_as_many_pairs_as_possible_go_before_the_most_overlap() -> None:
    # the first report overlaps both visits, the second only the first visit, and that less
    result = score([visit(10, 20), visit(18, 26)], [reported(10, 19), reported(11, 13)], 5, 60)
    assert (result.found, result.duplicates) == (2, 0)


@pytest.mark.parametrize(
    "ignored",
    [
        visit(3, 15),  # was there before
        visit(10, 15, seen_after_s=None),  # never large enough
        visit(10, 11.5),  # large enough for too short
        visit(57.5, 70),  # came too late to be reported by now
        visit(10, 15, is_cut=True),
    ],
)
def test_whoever_need_not_be_found_is_neither_missed_nor_wrong(ignored: Visit) -> None:
    assert score([ignored], [], 5, 60) == Score()
    assert score([ignored], [reported(ignored.enter_s + 1, ignored.leave_s)], 5, 60) == Score()


def test_what_was_reported_before_the_measurement_is_left_out() -> None:
    assert score([], [reported(2, 4)], 5, 60) == Score()


def test_scores_add_up() -> None:
    one = score([visit(10, 20)], [reported(11, 19)], 5, 60)
    two = score([visit(10, 20)], [reported(40, 50)], 5, 60)
    both = one + two
    assert (both.expected, both.found, both.false, len(both.delays_s)) == (2, 1, 1, 1)
    assert (both.recall, both.precision) == (0.5, 0.5)


def test_nothing_expected_has_no_recall() -> None:
    assert (Score().recall, Score().precision) == (None, None)


def test_percentiles() -> None:
    assert percentiles([]) is None
    assert percentiles(list(range(101))) == (50, 95, 99)


def test_a_camera_plays_its_clip_round_and_round() -> None:
    played = in_camera([visit(10, 20), visit(40, 50)], clip_s=60, offset_s=15, until_s=60)
    assert [(each.enter_s, each.leave_s) for each in played] == [(-5, 5), (25, 35), (55, 65)]
    assert played[1].seen_from_s == 25.5


def test_busy_seconds_count_once_for_people_at_once() -> None:
    assert busy_s([visit(10, 20), visit(15, 25), visit(12, 13), visit(58, 70)], 0, 60) == 17
    assert busy_s([], 0, 60) == 0


def test_what_full_decoding_misses_is_counted_apart() -> None:
    visits = [dataclasses.replace(visit(10, 20), known_start_s=10.8, known_s=11.4), visit(30, 40)]
    missed = score(visits, [reported(11, 19)], 5, 60)
    assert (missed.recall, missed.known_recall) == (0.5, 1.0)
    assert missed.extra_delays_s == pytest.approx((0.2,))
    assert missed.start_shifts_s == pytest.approx((0.2,))
    lucky = score(visits, [reported(31, 39)], 5, 60)
    assert (lucky.recall, lucky.known_recall) == (0.5, 0.0)
