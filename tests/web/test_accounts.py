from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashing import cheap_passwords
from watchpost.clock import ManualClock
from watchpost.errors import WatchpostError
from watchpost.web.access import Role, User
from watchpost.web.accounts import FILE, SESSION_IDLE_S, SESSION_S, AccountError, Accounts, has_users_at
from watchpost.web.passwords import UnfitPasswordError

PASSWORD = "correct horse"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def accounts(tmp_path: Path, clock: ManualClock) -> Iterator[Accounts]:
    opened = Accounts(tmp_path, clock, cheap_passwords())
    opened.add("anna", Role.ADMIN, PASSWORD)
    yield opened
    opened.close()


def test_a_user_is_kept_with_role_and_cameras(accounts: Accounts, tmp_path: Path, clock: ManualClock) -> None:
    accounts.add("포터", Role.VIEWER, PASSWORD, frozenset({"정문", "side door"}))
    accounts.close()
    again = Accounts(tmp_path, clock, cheap_passwords())
    assert [user.name for user in again.users()] == ["anna", "포터"]
    found = again.hash_of("포터")
    assert found is not None
    assert found[0] == User("포터", Role.VIEWER, frozenset({"정문", "side door"}))
    assert again.passwords.fits(PASSWORD, found[1])
    assert again.hash_of("nobody") is None
    again.close()


def test_names_differ_by_more_than_capitals(accounts: Accounts) -> None:
    with pytest.raises(AccountError, match="there is a user"):
        accounts.add("Anna", Role.VIEWER, PASSWORD)
    found = accounts.account("ANNA")
    assert found is not None
    assert found.name == "anna"


@pytest.mark.parametrize("name", ["", " anna", "a:b", "a/b", "a\nb", "x" * 65])
def test_names_that_nobody_can_have(accounts: Accounts, name: str) -> None:
    with pytest.raises(AccountError, match="a name has 1 to 64"):
        accounts.add(name, Role.VIEWER, PASSWORD)


def test_what_can_not_be_meant_is_refused(accounts: Accounts) -> None:
    with pytest.raises(UnfitPasswordError):
        accounts.add("bert", Role.VIEWER, "short")
    with pytest.raises(AccountError, match="operators see all"):
        accounts.add("bert", Role.OPERATOR, PASSWORD, frozenset({"gate"}))
    for change in (
        lambda: accounts.set_password("bert", PASSWORD),
        lambda: accounts.change("bert", Role.ADMIN, None),
        lambda: accounts.remove("bert"),
    ):
        with pytest.raises(AccountError, match="there is no user bert"):
            change()


def test_there_is_always_an_admin(tmp_path: Path, accounts: Accounts) -> None:
    accounts.add("bert", Role.VIEWER, PASSWORD)
    with pytest.raises(AccountError, match="admin"):
        accounts.remove("anna")
    with pytest.raises(AccountError, match="admin"):
        accounts.change("anna", Role.OPERATOR, None)
    assert accounts.account("anna") is not None
    accounts.remove("bert")
    accounts.remove("anna")  # nobody is left: the server is as it was before the first
    assert not accounts.has_users()
    with pytest.raises(AccountError, match="admin"):
        accounts.add("bert", Role.VIEWER, PASSWORD)


# ---- sessions


def test_sessions_outlive_the_program_and_end_by_age_and_idleness(
    accounts: Accounts, tmp_path: Path, clock: ManualClock
) -> None:
    key = accounts.open_session("anna")
    accounts.close()
    again = Accounts(tmp_path, clock, cheap_passwords())
    assert again.session_user(key) == User("anna", Role.ADMIN)
    assert again.session_user("") is None
    assert again.session_user(key + "x") is None
    lasted_s = 0.0
    while again.session_user(key) is not None:
        clock.advance(SESSION_IDLE_S - 1)
        lasted_s += SESSION_IDLE_S - 1
    assert SESSION_S - SESSION_IDLE_S <= lasted_s <= SESSION_S + SESSION_IDLE_S
    idle = again.open_session("anna")
    clock.advance(SESSION_IDLE_S + 1)
    assert again.session_user(idle) is None
    again.close()


def test_a_session_ends_with_logout_password_and_user(accounts: Accounts) -> None:
    accounts.add("bert", Role.ADMIN, PASSWORD)
    first, second, kept, others = (accounts.open_session(name) for name in ("anna", "anna", "anna", "bert"))
    accounts.close_session(first)
    assert accounts.session_user(first) is None
    accounts.set_password("anna", "another horse", keep_session=kept)
    assert accounts.session_user(second) is None
    assert accounts.session_user(kept) is not None
    assert accounts.session_user(others) is not None
    accounts.remove("anna")
    assert accounts.session_user(kept) is None
    accounts.close_sessions("bert")
    assert accounts.session_user(others) is None


def test_a_new_role_counts_at_once(accounts: Accounts) -> None:
    accounts.add("bert", Role.OPERATOR, PASSWORD)
    key = accounts.open_session("bert")
    accounts.change("bert", Role.VIEWER, frozenset({"gate"}))
    assert accounts.session_user(key) == User("bert", Role.VIEWER, frozenset({"gate"}))


def test_sessions_of_a_user_are_bounded(accounts: Accounts, clock: ManualClock) -> None:
    keys = []
    for _ in range(66):
        keys.append(accounts.open_session("anna"))
        clock.advance(1)
    open_ = [key for key in keys if accounts.session_user(key) is not None]
    assert open_ == keys[2:]


# ---- tokens


def test_a_token_is_its_users_until_it_ends_or_is_revoked(accounts: Accounts, clock: ManualClock) -> None:
    token, secret = accounts.make_token("anna", "backup", 3600.0)
    for_ever, other = accounts.make_token("anna", "display", None)
    assert secret.startswith("wp_")
    assert accounts.token_user(secret) == User("anna", Role.ADMIN)
    (shown, _) = accounts.tokens("anna")
    assert (shown.id, shown.name, shown.used_s) == (token.id, "backup", clock.wall_time_s())
    for wrong in ("", "wp_", secret[:-1], secret[3:], secret.upper()):
        assert accounts.token_user(wrong) is None
    clock.advance(3601)
    assert accounts.token_user(secret) is None
    assert accounts.token_user(other) is not None
    accounts.revoke_token(for_ever.id)
    assert accounts.token_user(other) is None
    with pytest.raises(AccountError, match="no such token"):
        accounts.revoke_token(for_ever.id)


def test_tokens_go_with_their_user_and_are_bounded(accounts: Accounts) -> None:
    accounts.add("bert", Role.VIEWER, PASSWORD)
    _, secret = accounts.make_token("bert", "display", None)
    assert accounts.token_user(secret) == User("bert", Role.VIEWER)
    accounts.remove("bert")
    assert accounts.token_user(secret) is None
    with pytest.raises(AccountError, match="belong to users"):
        accounts.make_token("bert", "display", None)
    for number in range(64):
        accounts.make_token("anna", str(number), None)
    with pytest.raises(AccountError, match="at most 64"):
        accounts.make_token("anna", "more", None)


# ---- the file


def test_nothing_that_opens_a_door_stands_in_the_file(accounts: Accounts, tmp_path: Path) -> None:
    _, secret = accounts.make_token("anna", "backup", None)
    key = accounts.open_session("anna")
    accounts.close()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for text in (PASSWORD, secret, secret[3:], key):
        assert text.encode() not in content
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_several_programs_see_each_others_changes(accounts: Accounts, tmp_path: Path, clock: ManualClock) -> None:
    other = Accounts(tmp_path, clock, cheap_passwords())
    key = accounts.open_session("anna")
    other.add("bert", Role.ADMIN, PASSWORD)
    other.remove("anna")
    assert accounts.session_user(key) is None
    assert [user.name for user in accounts.users()] == ["bert"]
    other.close()


def test_a_use_is_noted_only_where_nobody_waits_for_it(accounts: Accounts, tmp_path: Path, clock: ManualClock) -> None:
    key = accounts.open_session("anna")
    clock.advance(120)
    with sqlite3.connect(tmp_path / FILE, isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert accounts.session_user(key) is not None
        writer.execute("ROLLBACK")
    writer.close()


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database" * 100)
    with pytest.raises(WatchpostError, match=r"accounts\.db can not be used"):
        Accounts(tmp_path, ManualClock())
    (tmp_path / "file").touch()
    with pytest.raises(WatchpostError, match="can not be made"):
        Accounts(tmp_path / "file", ManualClock())


def test_whether_a_folder_has_users(accounts: Accounts, tmp_path: Path) -> None:
    assert has_users_at(tmp_path)
    accounts.remove("anna")
    assert not has_users_at(tmp_path)
    assert not has_users_at(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
