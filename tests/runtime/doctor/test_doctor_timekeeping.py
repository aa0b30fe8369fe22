from __future__ import annotations

import time
from dataclasses import replace

from watchpost.runtime.doctor import Level
from watchpost.runtime.doctor.timekeeping import ClockFacts, clock_facts, judge_clock

NOW = 1_800_000_000.0
RIGHT = ClockFacts(NOW, NOW - 1e6, is_synchronised=True, time_zone="KST (UTC+0900)")


def test_a_right_clock_is_well_and_tells_the_zone():
    (found,) = judge_clock(RIGHT)
    assert found.level is Level.OK
    assert "2027-01-15 08:00:00 UTC" in found.seen
    assert "KST (UTC+0900)" in found.seen


def test_a_clock_that_drifts_is_a_warning():
    (found,) = judge_clock(replace(RIGHT, is_synchronised=False))
    assert found.level is Level.WARNING
    assert "timedatectl" in found.cure


def test_a_clock_that_nobody_knows_of_is_a_note():
    assert judge_clock(replace(RIGHT, is_synchronised=None))[0].level is Level.NOTE


def test_a_clock_before_its_own_files_is_a_problem():
    assert judge_clock(replace(RIGHT, newest_file_wall_time_s=NOW + 2 * 86400))[0].level is Level.PROBLEM
    assert judge_clock(replace(RIGHT, newest_file_wall_time_s=NOW + 3600))[0].level is Level.OK


def test_a_clock_that_starts_in_1970_is_a_problem():
    assert judge_clock(ClockFacts(1000.0, 0.0, is_synchronised=True, time_zone="UTC"))[0].level is Level.PROBLEM


def test_this_machine():
    facts = clock_facts(time.time())
    assert facts.is_synchronised in (True, False, None)
    assert facts.newest_file_wall_time_s > 1_700_000_000
    assert "UTC" in facts.time_zone
