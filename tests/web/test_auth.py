from __future__ import annotations

import pytest

from watchpost.clock import ManualClock
from watchpost.config import is_loopback
from watchpost.errors import ConfigError
from watchpost.web.auth import (
    SESSION_S,
    Gatekeeper,
    TooManyAttemptsError,
    check_binding,
    is_local_host_header,
)

TOKEN = "correct horse battery"


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def gate(clock):
    return Gatekeeper(TOKEN, clock)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.53"])
def test_loopback_needs_no_token(host):
    assert is_loopback(host)
    check_binding(host, is_guarded=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "example.com", "localhost.example.com"])
def test_beyond_loopback_needs_a_token_and_says_how_to_get_one(host):
    assert not is_loopback(host)
    with pytest.raises(ConfigError, match=r"set a token of at least 12 characters .*openssl rand -hex 16"):
        check_binding(host, is_guarded=False)
    check_binding(host, is_guarded=True)


def test_a_short_token_is_refused_without_telling_it():
    with pytest.raises(ConfigError, match="has 7 characters, it needs at least 12") as caught:
        Gatekeeper("hunter2", ManualClock())
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["localhost", "localhost:8800", "127.0.0.1:80", "[::1]:8800", "[::1]", "LOCALHOST", "127.0.0.53:80"]
)
def test_hosts_that_name_this_machine(value):
    assert is_local_host_header(value)


@pytest.mark.parametrize(
    "value",
    ["", "evil.example", "127.0.0.1.evil.example:8800", "localhost.evil.example", "[::1].evil.example", "[", "]"],
)
def test_hosts_that_do_not(value):
    assert not is_local_host_header(value)


def test_the_right_token_and_no_other(gate):
    assert gate.accepts_token(TOKEN, "10.0.0.1")
    for wrong in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper()):
        assert not gate.accepts_token(wrong, "10.0.0.1")


def test_guessing_is_slowed_down_for_the_guesser_alone(gate, clock):
    for _ in range(5):
        assert not gate.accepts_token("wrong", "10.0.0.1")
        clock.advance(1)
    with pytest.raises(TooManyAttemptsError) as caught:
        gate.accepts_token(TOKEN, "10.0.0.1")
    assert caught.value.retry_after_s == pytest.approx(55)
    assert gate.accepts_token(TOKEN, "10.0.0.2")
    clock.advance(56)
    assert gate.accepts_token(TOKEN, "10.0.0.1")


def test_a_whole_ipv6_network_counts_as_one_guesser(gate):
    for number in range(5):
        gate.accepts_token("wrong", f"2001:db8::{number}")
    with pytest.raises(TooManyAttemptsError):
        gate.accepts_token("wrong", "2001:db8::ffff")
    gate.accepts_token("wrong", "2001:db8:0:1::1")


def test_ipv4_clients_of_an_ipv6_server_count_one_by_one(gate):
    for _ in range(5):
        gate.accepts_token("wrong", "::ffff:192.0.2.1")
    with pytest.raises(TooManyAttemptsError):
        gate.accepts_token(TOKEN, "::ffff:192.0.2.1")
    assert gate.accepts_token(TOKEN, "::ffff:192.0.2.2")


def test_guessers_do_not_fill_the_memory(gate):
    for number in range(5000):
        gate.accepts_token("wrong", f"10.{number // 250}.{number % 250}.1")
    assert len(gate._failures) <= 4096


def test_sessions_open_close_and_end(gate, clock):
    key, other = gate.open_session(), gate.open_session()
    assert key != other
    assert gate.accepts_session(key)
    assert not gate.accepts_session("")
    assert not gate.accepts_session(TOKEN)
    gate.close_session(other)
    assert not gate.accepts_session(other)
    clock.advance(SESSION_S)
    assert not gate.accepts_session(key)


def test_sessions_are_bounded(gate):
    first = gate.open_session()
    last = [gate.open_session() for _ in range(256)][-1]
    assert not gate.accepts_session(first)
    assert gate.accepts_session(last)
