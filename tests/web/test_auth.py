from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashing import cheap_passwords
from watchpost.clock import ManualClock
from watchpost.config import is_loopback
from watchpost.errors import ConfigError
from watchpost.web.access import UNNAMED_ADMIN, Role, User
from watchpost.web.accounts import SESSION_S, Accounts
from watchpost.web.attempts import TooManyAttemptsError
from watchpost.web.auth import Gatekeeper, check_binding, csrf_token, is_local_host_header
from watchpost.web.es.credentials import Credential, credentials_in

TOKEN = "correct horse battery"
PASSWORD = "an open door"
HERE = "10.0.0.1"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def accounts(tmp_path: Path, clock: ManualClock) -> Iterator[Accounts]:
    opened = Accounts(tmp_path, clock, cheap_passwords())
    opened.add("anna", Role.ADMIN, PASSWORD)
    yield opened
    opened.close()


@pytest.fixture
def gate(clock: ManualClock, accounts: Accounts) -> Gatekeeper:
    return Gatekeeper(TOKEN, accounts, clock)


def log_in(gate: Gatekeeper, name: str, secret: str, address: str = HERE) -> str | None:
    return asyncio.run(gate.log_in(name, secret, address))


def user_with(gate: Gatekeeper, secret: str, name: str = "", address: str = HERE) -> User | None:
    known = asyncio.run(gate.holder((Credential(secret, name),), address))
    return None if known is None else known.user


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.53"])
def test_loopback_needs_no_login(host: str) -> None:
    assert is_loopback(host)
    check_binding(host, is_guarded=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "example.com", "localhost.example.com"])
def test_beyond_loopback_needs_one_and_says_how_to_get_it(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ConfigError, match=r"watchpost users add NAME.*a token of at least 12 .*openssl rand -hex 16"):
        check_binding(host, is_guarded=False)
    check_binding(host, is_guarded=True)


def test_a_short_token_is_refused_without_telling_it() -> None:
    with pytest.raises(ConfigError, match="has 7 characters, it needs at least 12") as caught:
        Gatekeeper("hunter2", None, ManualClock())
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["localhost", "localhost:8800", "127.0.0.1:80", "[::1]:8800", "[::1]", "LOCALHOST", "127.0.0.53:80"]
)
def test_hosts_that_name_this_machine(value: str) -> None:
    assert is_local_host_header(value)


@pytest.mark.parametrize(
    "value",
    ["", "evil.example", "127.0.0.1.evil.example:8800", "localhost.evil.example", "[::1].evil.example", "[", "]"],
)
def test_hosts_that_do_not(value: str) -> None:
    assert not is_local_host_header(value)


def test_the_servers_token_and_no_other(gate: Gatekeeper) -> None:
    assert user_with(gate, TOKEN) == UNNAMED_ADMIN
    for number, wrong in enumerate(("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), PASSWORD)):
        assert user_with(gate, wrong, address=f"10.0.1.{number}") is None
        assert log_in(gate, "", wrong, f"10.0.1.{number}") is None


def test_name_and_password_and_no_others(gate: Gatekeeper) -> None:
    assert user_with(gate, PASSWORD, "anna") == User("anna", Role.ADMIN)
    for number, (name, password) in enumerate((("anna", TOKEN[:-1]), ("anna", ""), ("bert", PASSWORD))):
        assert user_with(gate, password, name, f"10.0.1.{number}") is None
        assert log_in(gate, name, password, f"10.0.1.{number}") is None


def test_a_personal_token_works_under_any_name(gate: Gatekeeper, accounts: Accounts) -> None:
    _, secret = accounts.make_token("anna", "backup", None)
    assert user_with(gate, secret) == user_with(gate, secret, "whoever") == User("anna", Role.ADMIN)
    assert user_with(gate, TOKEN, "elastic") == UNNAMED_ADMIN


def test_a_password_is_hashed_once_for_many_requests_until_it_changes(gate: Gatekeeper, accounts: Accounts) -> None:
    checked = []
    fits = accounts.passwords.fits
    accounts.passwords.fits = lambda *given: checked.append(given) or fits(*given)  # type: ignore[method-assign]
    for _ in range(3):
        assert user_with(gate, PASSWORD, "anna") is not None
    assert len(checked) == 1
    accounts.set_password("anna", "another door")
    assert user_with(gate, PASSWORD, "anna") is None
    assert user_with(gate, "another door", "anna") is not None


def test_guessing_is_slowed_down_for_the_guesser_alone(gate: Gatekeeper, clock: ManualClock) -> None:
    for number in range(5):
        assert log_in(gate, "anna" if number % 2 else "", "wrong") is None
        clock.advance(1)
    for attempt in (lambda: log_in(gate, "", TOKEN), lambda: user_with(gate, TOKEN), lambda: log_in(gate, "anna", "x")):
        with pytest.raises(TooManyAttemptsError) as caught:
            attempt()
        assert caught.value.retry_after_s == pytest.approx(55)
    assert user_with(gate, TOKEN, address="10.0.0.2") is not None
    clock.advance(56)
    assert user_with(gate, TOKEN) is not None


def test_one_name_is_not_guessed_at_from_many_addresses(gate: Gatekeeper, clock: ManualClock) -> None:
    for number in range(20):
        assert log_in(gate, "Anna", "wrong", f"10.0.1.{number}") is None
    with pytest.raises(TooManyAttemptsError):
        log_in(gate, "anna", PASSWORD, "10.0.2.1")
    assert log_in(gate, "", TOKEN, "10.0.2.1") is not None
    clock.advance(301)
    assert log_in(gate, "anna", PASSWORD, "10.0.2.1") is not None


def test_guesses_that_come_all_at_once_are_counted_all_the_same(gate: Gatekeeper) -> None:
    async def guess() -> list[object]:
        return await asyncio.gather(
            *(gate.log_in("anna", f"wrong {number}", HERE) for number in range(30)), return_exceptions=True
        )

    answers = asyncio.run(guess())
    assert sum(answer is None for answer in answers) <= 6
    assert sum(isinstance(answer, TooManyAttemptsError) for answer in answers) >= 24


def test_sessions_with_the_servers_token_end_with_the_program_and_are_bounded(
    gate: Gatekeeper, accounts: Accounts, clock: ManualClock
) -> None:
    first = log_in(gate, "", TOKEN)
    assert first is not None
    known = gate.session(first)
    assert known is not None
    assert known.user == UNNAMED_ADMIN
    assert known.still_holds()
    assert Gatekeeper(TOKEN, accounts, clock).session(first) is None
    last = [log_in(gate, "", TOKEN) for _ in range(256)][-1]
    assert gate.session(first) is None
    assert not known.still_holds()
    assert last is not None
    clock.advance(SESSION_S)
    assert gate.session(last) is None


def test_a_session_of_a_user_is_of_any_gatekeeper(gate: Gatekeeper, accounts: Accounts, clock: ManualClock) -> None:
    key = log_in(gate, "anna", PASSWORD)
    assert key is not None
    known = Gatekeeper(None, accounts, clock).session(key)
    assert known is not None
    assert known.still_holds()
    gate.close_session(key)
    assert not known.still_holds()


def test_who_asked_for_a_login_once_goes_on_asking(tmp_path: Path, clock: ManualClock) -> None:
    accounts = Accounts(tmp_path, clock, cheap_passwords())
    gate = Gatekeeper(None, accounts, clock)
    assert not gate.is_guarded
    accounts.add("anna", Role.ADMIN, PASSWORD)
    assert gate.is_guarded
    accounts.remove("anna")
    assert gate.is_guarded
    assert not Gatekeeper(None, accounts, clock).is_guarded
    assert not Gatekeeper(None, None, clock).is_guarded
    accounts.close()


def test_a_page_of_another_session_has_another_token() -> None:
    assert csrf_token("a") != csrf_token("b")
    assert csrf_token("") == ""
    assert "secret" not in csrf_token("secret")


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Bearer abc", (Credential("abc"),)),
        ("bearer  abc ", (Credential("abc"),)),
        ("Basic YW5uYTpwOnc=", (Credential("p:w", "anna"),)),
        ("Basic !", (Credential("", ""),)),
        ("ApiKey aWQ6a2V5", (Credential("key"),)),
        ("ApiKey wp_abc", (Credential("wp_abc"),)),
        ("Digest abc", ()),
        ("", ()),
    ],
)
def test_credentials_in_a_header(header: str, found: tuple[Credential, ...]) -> None:
    assert credentials_in(header) == found
