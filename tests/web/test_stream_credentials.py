"""Streams for the users of the page: by personal tokens, each what may be seen, from the next look on."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from filming import film
from rtsp_client import Client
from rtsp_house import House
from watchpost.clock import ManualClock
from watchpost.serving import rtsp_server
from watchpost.serving.rtsp_target import Target
from watchpost.web.access import Role
from watchpost.web.accounts import Accounts
from watchpost.web.stream_credentials import StreamCredentials

TOKEN = "correct horse battery"
GATE, YARD, PUBLISH = Target("gate", "live"), Target("yard", "annotated"), Target("gate", "publish")


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    made = Accounts(tmp_path, ManualClock())
    yield made
    made.close()


def test_nobody_has_to_say_who_they_are_until_somebody_is_known(accounts: Accounts) -> None:
    credentials = StreamCredentials(None, accounts)
    assert credentials.is_open
    accounts.add("kim", Role.ADMIN, "a long pass phrase 1")
    assert not credentials.is_open
    accounts.remove("kim")
    assert not credentials.is_open, "removing the last user opens nothing"
    assert not credentials.may("kim", GATE)
    assert not StreamCredentials(TOKEN, accounts).is_open


def test_the_servers_token_by_digest_until_there_are_users(accounts: Accounts) -> None:
    credentials = StreamCredentials(TOKEN, accounts)
    assert not credentials.is_basic
    assert credentials.password_of("anyone") == TOKEN
    accounts.add("kim", Role.ADMIN, "a long pass phrase 1")
    assert credentials.is_basic
    assert credentials.accepts("anyone", TOKEN, "192.0.2.1")
    assert credentials.may("anyone", PUBLISH)


def test_a_user_comes_with_a_personal_token_and_sees_what_may_be_seen(accounts: Accounts) -> None:
    accounts.add("kim", Role.ADMIN, "a long pass phrase 1")
    accounts.add("lee", Role.VIEWER, "a long pass phrase 2", frozenset({"gate"}))
    accounts.add("park", Role.OPERATOR, "a long pass phrase 3")
    _, secret = accounts.make_token("lee", "player", None)
    credentials = StreamCredentials(None, accounts)
    assert credentials.accepts("lee", secret, "192.0.2.1")
    assert not credentials.accepts("kim", secret, "192.0.2.1"), "another's token"
    assert not credentials.accepts("lee", "a long pass phrase 2", "192.0.2.1"), "passwords are not for RTSP"
    assert [credentials.may("lee", target) for target in (GATE, YARD, PUBLISH)] == [True, False, False]
    assert [credentials.may("park", target) for target in (GATE, YARD, PUBLISH)] == [True, True, True]
    assert not credentials.may("nobody", GATE)


@pytest.mark.parametrize("loss", ["removed", "token revoked", "demoted"])
def test_who_may_see_no_more_loses_what_plays(accounts: Accounts, monkeypatch: pytest.MonkeyPatch, loss: str) -> None:
    monkeypatch.setattr(rtsp_server, "_LOOK_S", 0.01)
    accounts.add("kim", Role.ADMIN, "a long pass phrase 1")
    accounts.add("lee", Role.VIEWER, "a long pass phrase 2")
    token, secret = accounts.make_token("lee", "player", None)
    header = "Basic " + base64.b64encode(f"lee:{secret}".encode()).decode()
    clock = ManualClock()
    with House(credentials=StreamCredentials(None, accounts), clock=clock) as house, Client(house.port) as client:
        house.feed(film(5))
        assert client.ask("DESCRIBE").headers["www-authenticate"] == ['Basic realm="Watchpost", charset="UTF-8"']
        url = f"{client.url}/trackID=0"
        reply = client.ask("SETUP", url, Transport="RTP/AVP/TCP;interleaved=0-1", Authorization=header)
        assert client.ask("PLAY", Session=reply.session).status == 200
        client.pictures(5)
        clock.advance(11.0)
        house.feed(film(5, start_s=5.0))
        assert len(client.pictures(5)) == 5
        match loss:
            case "removed":
                accounts.remove("lee")
            case "token revoked":
                accounts.revoke_token(token.id)
            case _:
                accounts.change("lee", Role.VIEWER, frozenset({"yard"}))
        clock.advance(11.0)
        client.read_to_end()  # which comes
