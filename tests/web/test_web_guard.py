"""What the guard lets pass, by HTTP and WebSocket, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from hashing import cheap_passwords
from watchpost.clock import ManualClock
from watchpost.runtime.live import LiveHub
from watchpost.web.access import Admin, Role, Viewer
from watchpost.web.accounts import Accounts
from watchpost.web.app import create_app
from watchpost.web.auth import csrf_token
from watchpost.web.guard import CSRF_HEADER, LOOK_S, SESSION_COOKIE
from watchpost.web.services import Services

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
    """An application with routes that count what reaches them."""
    app = create_app(Services(LiveHub(clock), accounts=accounts, clock=clock))
    app.state.reached = []

    @app.post("/change")
    async def change(user: Admin) -> str:
        app.state.reached.append(user.name)
        return "changed"

    @app.websocket("/talk")
    async def talk(user: Viewer, socket: WebSocket) -> None:
        await socket.accept()
        app.state.reached.append(user.name)
        async for text in socket.iter_text():
            await socket.send_text(text)

    @app.websocket("/command")
    async def command(user: Admin, socket: WebSocket) -> None:
        app.state.reached.append(user.name)
        await socket.accept()

    return app


@pytest.fixture
def anna(app: FastAPI, accounts: Accounts) -> TestClient:
    """An admin's browser, logged in."""
    accounts.add("anna", Role.ADMIN, PASSWORD)
    client = TestClient(app, base_url=URL, follow_redirects=False)
    assert client.post("/login", data={"user": "anna", "password": PASSWORD}).status_code == 303
    return client


def csrf(client: TestClient) -> dict[str, str]:
    return {CSRF_HEADER: client.get("/api/accounts/me").json()["csrf"]}


# ---- other sites


def test_what_changes_something_takes_the_token_of_the_session(anna: TestClient, app: FastAPI) -> None:
    for headers in ({}, {CSRF_HEADER: ""}, {CSRF_HEADER: "wrong"}, {CSRF_HEADER: csrf_token("another session")}):
        answer = anna.post("/change", headers=headers)
        assert answer.status_code == 403
        assert "/api/accounts/me" in answer.json()["detail"]
    assert app.state.reached == []
    assert anna.post("/change", headers=csrf(anna)).status_code == 200
    assert app.state.reached == ["anna"]


def test_a_program_with_a_token_needs_none(app: FastAPI, accounts: Accounts) -> None:
    accounts.add("anna", Role.ADMIN, PASSWORD)
    _, secret = accounts.make_token("anna", "script", None)
    client = TestClient(app, base_url=URL)
    assert client.post("/change", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    assert client.post("/change", headers={"Authorization": f"Bearer {secret}x"}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://watch.example.evil.example"},
        {"Origin": "http://watch.example:81"},
    ],
)
def test_other_sites_pages_change_nothing_and_open_nothing(
    anna: TestClient, app: FastAPI, headers: dict[str, str]
) -> None:
    assert anna.post("/change", headers={**csrf(anna), **headers}).status_code == 403
    assert anna.post("/login", data={"user": "anna", "password": PASSWORD}, headers=headers).status_code == 403
    with pytest.raises(WebSocketDisconnect), anna.websocket_connect("ws://watch.example/talk", headers=headers):
        pass
    assert app.state.reached == []


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": URL}, {"Origin": URL.upper()}])
def test_the_servers_own_pages_do(anna: TestClient, headers: dict[str, str]) -> None:
    assert anna.post("/change", headers={**csrf(anna), **headers}).status_code == 200


def test_a_server_that_is_open_to_its_machine_is_closed_to_other_sites(app: FastAPI) -> None:
    client = TestClient(app, base_url="http://localhost:8010")
    assert client.post("/change").status_code == 200
    assert client.post("/change", headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.post("/change", headers={"Host": "evil.example"}).status_code == 421
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://evil.example/talk"):
        pass


# ---- WebSockets


def test_a_websocket_takes_a_login_and_a_role(anna: TestClient, app: FastAPI, accounts: Accounts) -> None:
    with pytest.raises(WebSocketDisconnect), TestClient(app, base_url=URL).websocket_connect("ws://watch.example/talk"):
        pass
    with anna.websocket_connect("ws://watch.example/talk") as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
    accounts.add("bert", Role.VIEWER, PASSWORD)
    bert = TestClient(app, base_url=URL, follow_redirects=False)
    bert.post("/login", data={"user": "bert", "password": PASSWORD})
    with bert.websocket_connect("ws://watch.example/talk"):
        pass
    app.state.reached.clear()
    with pytest.raises(WebSocketDisconnect) as refused, bert.websocket_connect("ws://watch.example/command"):
        pass
    assert refused.value.code == 1008
    assert app.state.reached == []


def test_a_websocket_ends_when_its_reader_may_no_longer(
    anna: TestClient, accounts: Accounts, clock: ManualClock
) -> None:
    accounts.add("bert", Role.ADMIN, PASSWORD)
    with anna.websocket_connect("ws://watch.example/talk") as socket:
        accounts.remove("anna")
        socket.send_text("still")
        assert socket.receive_text() == "still"
        clock.advance(LOOK_S)
        socket.send_text("hello?")
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
        assert ended.value.code == 1008


# ---- streams


async def stream(app: FastAPI, headers: dict[str, str], turn: Any) -> list[Any]:
    """The messages of an endless answer; `turn(number)` is called before each is taken."""
    sent: list[Any] = []
    ended = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        turn(len(sent))
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            ended.set()

    raw = [(name.lower().encode(), value.encode()) for name, value in {"Host": "watch.example", **headers}.items()]
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/api/events/stream",
        "raw_path": b"/api/events/stream", "query_string": b"", "root_path": "", "headers": raw,
        "client": ("10.0.0.1", 1), "server": ("10.0.0.2", 80),
    }  # fmt: skip
    await asyncio.wait_for(app(scope, receive, send), 20)
    return sent


def test_a_stream_ends_soon_after_its_session(
    anna: TestClient, app: FastAPI, accounts: Accounts, clock: ManualClock
) -> None:
    key = anna.cookies[SESSION_COOKIE]

    def turn(number: int) -> None:
        if number == 2:
            accounts.close_session(key)
            clock.advance(LOOK_S)

    sent = asyncio.run(stream(app, {"Cookie": f"{SESSION_COOKIE}={key}"}, turn))
    assert sent[0]["status"] == 200
    assert [bool(message.get("more_body")) for message in sent[1:]] == [True] * (len(sent) - 2) + [False]
    assert len(sent) <= 5


# ---- the rest


def test_the_probe_says_ok_to_anybody_and_nothing_else(anna: TestClient, app: FastAPI) -> None:
    answer = TestClient(app, base_url=URL).get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")


def test_the_cookie_is_for_https_alone_where_the_page_is(app: FastAPI, accounts: Accounts) -> None:
    accounts.add("anna", Role.ADMIN, PASSWORD)
    form = {"user": "anna", "password": PASSWORD}
    plain = TestClient(app, base_url=URL, follow_redirects=False).post("/login", data=form)
    assert "Secure" not in plain.headers["set-cookie"]
    direct = TestClient(app, base_url="https://watch.example", follow_redirects=False).post("/login", data=form)
    proxied = TestClient(app, base_url=URL, follow_redirects=False).post(
        "/login", data=form, headers={"Origin": "https://watch.example"}
    )
    for answer in (direct, proxied):
        cookie = answer.headers["set-cookie"]
        assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=strict"))


def test_a_body_without_a_length_is_cut_off_on_any_route(anna: TestClient) -> None:
    parts = iter([b'{"name": "', b"x" * 3000, b"y" * 3000, b'"}'])
    headers = {**csrf(anna), "Content-Type": "application/json"}
    assert anna.post("/api/accounts/tokens", content=parts, headers=headers).status_code == 413
