"""Users, passwords, tokens and sessions over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from hashing import cheap_passwords
from watchpost.clock import ManualClock
from watchpost.runtime.live import LiveHub
from watchpost.web.access import Role
from watchpost.web.accounts import Accounts
from watchpost.web.app import create_app
from watchpost.web.guard import CSRF_HEADER, SESSION_COOKIE
from watchpost.web.services import Services

TOKEN = "correct horse battery"
PASSWORD = "an open door"
URL = "http://watch.example"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def accounts(tmp_path: Path, clock: ManualClock) -> Iterator[Accounts]:
    opened = Accounts(tmp_path, clock, cheap_passwords())
    yield opened
    opened.close()


@pytest.fixture
def app(accounts: Accounts, clock: ManualClock) -> FastAPI:
    return create_app(Services(LiveHub(clock), accounts=accounts, clock=clock), token=TOKEN)


def logged_in(app: FastAPI, name: str, password: str) -> TestClient:
    """A browser with a session, which sends its CSRF token."""
    client = TestClient(app, base_url=URL)
    answer = client.post("/api/accounts/login", json={"name": name, "password": password})
    assert answer.status_code == 200, answer.text
    client.headers[CSRF_HEADER] = answer.json()["csrf"]
    return client


@pytest.fixture
def anna(app: FastAPI, accounts: Accounts) -> TestClient:
    accounts.add("anna", Role.ADMIN, PASSWORD)
    return logged_in(app, "anna", PASSWORD)


def test_the_servers_token_makes_the_first_admin(app: FastAPI) -> None:
    client = logged_in(app, "", TOKEN)
    assert client.get("/api/accounts/me").json()["name"] == ""
    first = {"name": "anna", "role": "admin", "password": PASSWORD}
    assert client.post("/api/accounts/users", json={**first, "role": "viewer"}).status_code == 409
    answer = client.post("/api/accounts/users", json=first)
    assert answer.status_code == 201
    assert PASSWORD not in answer.text
    anna = logged_in(app, "anna", PASSWORD)
    assert anna.get("/api/accounts/me").json() == {
        "name": "anna", "role": "admin", "cameras": None, "csrf": anna.headers[CSRF_HEADER], "must_log_in": True,
    }  # fmt: skip


def test_where_nobody_logs_in_everybody_is_an_unnamed_admin(clock: ManualClock) -> None:
    client = TestClient(create_app(Services(LiveHub(clock), clock=clock)), base_url="http://localhost")
    me = client.get("/api/accounts/me").json()
    assert me == {"name": "", "role": "admin", "cameras": None, "csrf": "", "must_log_in": False}


def test_a_wrong_password_opens_nothing(app: FastAPI, anna: TestClient) -> None:
    client = TestClient(app, base_url=URL)
    for _ in range(5):
        answer = client.post("/api/accounts/login", json={"name": "anna", "password": "wrong"})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    answer = client.post("/api/accounts/login", json={"name": "anna", "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert anna.get("/api/accounts/me").status_code == 200  # who has a session is not locked out


def test_logging_out_here_and_everywhere(app: FastAPI, anna: TestClient) -> None:
    other, third = (logged_in(app, "anna", PASSWORD) for _ in range(2))
    kept = anna.cookies[SESSION_COOKIE]
    assert anna.post("/api/accounts/logout").status_code == 204
    assert SESSION_COOKIE not in anna.cookies
    assert TestClient(app, base_url=URL, cookies={SESSION_COOKIE: kept}).get("/api/accounts/me").status_code == 401
    assert third.get("/api/accounts/me").status_code == 200
    assert other.post("/api/accounts/logout?everywhere=true").status_code == 204
    assert third.get("/api/accounts/me").status_code == 401


def test_a_password_of_ones_own_takes_the_old_one(app: FastAPI, anna: TestClient) -> None:
    other = logged_in(app, "anna", PASSWORD)
    assert anna.post("/api/accounts/password", json={"old": "wrong", "new": "another door"}).status_code == 403
    assert anna.post("/api/accounts/password", json={"old": PASSWORD, "new": "short"}).status_code == 422
    assert anna.post("/api/accounts/password", json={"old": PASSWORD, "new": "aaaaaaaaaaaa"}).status_code == 422
    assert anna.post("/api/accounts/password", json={"old": PASSWORD, "new": "another door"}).status_code == 204
    assert anna.get("/api/accounts/me").status_code == 200
    assert other.get("/api/accounts/me").status_code == 401
    logged_in(app, "anna", "another door")
    token = logged_in(app, "", TOKEN)
    assert token.post("/api/accounts/password", json={"old": TOKEN, "new": "another door"}).status_code == 409


def test_users_are_made_changed_and_removed(app: FastAPI, anna: TestClient) -> None:
    made = anna.post("/api/accounts/users", json={"name": "포터", "cameras": ["정문"], "password": PASSWORD})
    assert (made.status_code, made.json()["role"], made.json()["cameras"]) == (201, "viewer", ["정문"])
    assert anna.post("/api/accounts/users", json={"name": "포터", "password": PASSWORD}).status_code == 409
    assert [user["name"] for user in anna.get("/api/accounts/users").json()] == ["anna", "포터"]
    porter = logged_in(app, "포터", PASSWORD)
    path = "/api/accounts/users/포터"
    assert anna.patch(path, json={"password": "another door"}).json()["cameras"] == ["정문"]
    assert porter.get("/api/accounts/me").status_code == 401
    porter = logged_in(app, "포터", "another door")
    assert anna.patch(path, json={"cameras": None}).json()["cameras"] is None
    assert anna.patch(path, json={"cameras": ["yard"]}).json()["cameras"] == ["yard"]
    assert anna.patch(path, json={"role": "operator"}).json()["cameras"] is None
    assert porter.get("/api/accounts/me").json()["role"] == "operator"
    assert anna.patch(path, json={"cameras": ["yard"]}).status_code == 409
    assert anna.delete(path).status_code == 204
    assert porter.get("/api/accounts/me").status_code == 401
    assert anna.delete(path).status_code == anna.patch(path, json={}).status_code == 404


def test_nobody_removes_or_lowers_themselves(anna: TestClient, accounts: Accounts) -> None:
    accounts.add("bert", Role.ADMIN, PASSWORD)
    assert anna.delete("/api/accounts/users/ANNA").status_code == 409
    assert anna.patch("/api/accounts/users/anna", json={"role": "viewer"}).status_code == 409
    assert anna.get("/api/accounts/me").json()["role"] == "admin"


def test_a_token_is_shown_once_and_is_its_users(app: FastAPI, anna: TestClient, accounts: Accounts) -> None:
    accounts.add("bert", Role.VIEWER, PASSWORD)
    bert = logged_in(app, "bert", PASSWORD)
    made = bert.post("/api/accounts/tokens", json={"name": "display", "days": 1})
    assert made.status_code == 201
    secret = made.json()["secret"]
    listed = bert.get("/api/accounts/tokens")
    assert secret not in listed.text
    assert listed.json()[0]["id"] == made.json()["id"]
    program = TestClient(app, base_url=URL, headers={"Authorization": f"Bearer {secret}"})
    assert program.get("/api/accounts/me").json() == {
        "name": "bert", "role": "viewer", "cameras": None, "csrf": "", "must_log_in": True
    }  # fmt: skip
    own = anna.post("/api/accounts/tokens", json={"name": "backup", "days": None}).json()
    assert bert.get("/api/accounts/tokens?everybody=true").status_code == 403
    assert len(anna.get("/api/accounts/tokens?everybody=true").json()) == 2
    assert bert.delete(f"/api/accounts/tokens/{own['id']}").status_code == 404
    assert anna.delete(f"/api/accounts/tokens/{made.json()['id']}").status_code == 204
    assert program.get("/api/accounts/me").status_code == 401


@pytest.mark.parametrize("days", [0, -1, 4000, "x"])
def test_a_token_ends_some_day_or_never(anna: TestClient, days: object) -> None:
    assert anna.post("/api/accounts/tokens", json={"name": "x", "days": days}).status_code == 422


def test_the_server_and_its_machine_have_no_tokens_of_their_own(app: FastAPI) -> None:
    client = logged_in(app, "", TOKEN)
    assert client.post("/api/accounts/tokens", json={"name": "x"}).status_code == 409
    assert client.get("/api/accounts/tokens").json() == []
