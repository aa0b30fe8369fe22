from __future__ import annotations

import pytest

from watchpost.clock import ManualClock
from watchpost.web.attempts import Attempts, TooManyAttemptsError, network_of


def test_who_fails_too_often_waits_until_the_first_failure_is_old() -> None:
    clock = ManualClock()
    attempts = Attempts(3, 60.0, clock)
    for _ in range(3):
        attempts.check("a")
        attempts.failed("a")
        clock.advance(1)
    with pytest.raises(TooManyAttemptsError) as caught:
        attempts.check("a")
    assert caught.value.retry_after_s == pytest.approx(57)
    attempts.check("b")
    clock.advance(57)
    attempts.check("a")


def test_guessers_do_not_fill_the_memory_and_do_not_push_out_each_other_first() -> None:
    clock = ManualClock()
    attempts = Attempts(2, 60.0, clock)
    attempts.failed("early")
    for number in range(4000):
        attempts.failed(f"guesser {number}")
    attempts.failed("early")
    for number in range(4000):
        attempts.failed(f"other guesser {number}")
    assert len(attempts) <= 4096
    with pytest.raises(TooManyAttemptsError):
        attempts.check("early")


def test_a_whole_ipv6_network_counts_as_one_and_ipv4_addresses_one_by_one() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") != network_of("::ffff:192.0.2.2")
    assert network_of("no address") == "no address"
