"""Every route names its role, and nothing is told to who has not logged in or may not see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from fakes import event
from watchpost.clock import ManualClock
from watchpost.runtime.live import LiveHub
from watchpost.web.access import Role, User, may_see
from watchpost.web.app import create_app
from watchpost.web.openapi import role_of
from watchpost.web.services import Services
from whole_app import whole_app

TOKEN = "correct horse battery"
OPEN = {("GET", "/login"), ("POST", "/login"), ("GET", "/healthz"), ("POST", "/api/accounts/login")}
OPEN_FOLDERS = {"/static", "/locales"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    with whole_app(tmp_path, token=TOKEN) as app:
        yield app


def requests(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every method and path, with something in place of parameters."""
    for route in app.routes:
        if isinstance(route, Route):
            path = route.path_format
            for name in route.param_convertors:
                path = path.replace(f"{{{name}}}", "gate")
            yield from ((method, path) for method in route.methods or ())


def test_a_role_may_do_what_those_below_it_may() -> None:
    assert [[role.covers(needed) for needed in Role] for role in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_a_user_sees_all_cameras_or_those_that_are_named() -> None:
    assert may_see(User("a", Role.VIEWER), "gate")
    assert may_see(User("a", Role.VIEWER, frozenset({"gate"})), "gate")
    assert not may_see(User("a", Role.VIEWER, frozenset({"yard"})), "gate")
    assert not may_see(User("a", Role.VIEWER, frozenset()), "gate")


def test_every_route_names_its_role(app: FastAPI) -> None:
    named = 0
    for route in app.routes:
        if isinstance(route, APIRoute | APIWebSocketRoute):
            methods = route.methods if isinstance(route, APIRoute) else {"WEBSOCKET"}
            is_open = all((method, route.path) in OPEN for method in methods)
            assert (role_of(route) is None) == is_open, route.path
            named += not is_open
        else:
            assert isinstance(route, Mount), route
            assert route.path in OPEN_FOLDERS | {"/es"}
    assert named > 25


def test_nothing_is_told_without_a_login(app: FastAPI) -> None:
    client = TestClient(app, base_url="http://watch.example", follow_redirects=False)
    asked = list(requests(app))
    assert len(asked) > 25
    for method, path in asked:
        if (method, path) in OPEN:
            continue
        answer = client.request(method, path)
        is_page = answer.status_code == 303 and answer.headers["location"] == "/login"
        assert answer.status_code == 401 or is_page, (method, path)
        assert "gate" not in answer.text
    for method, path in (("GET", "/es/"), ("GET", "/es/events/_search"), ("PUT", "/es/mine"), ("GET", "/nothing")):
        assert client.request(method, path).status_code == 401, path


def test_who_has_a_role_gets_no_further(app: FastAPI, tmp_path: Path) -> None:
    tokens = {role: user_with(app, role) for role in Role}
    refused = dict.fromkeys(Role, 0)
    for route in app.routes:
        if not isinstance(route, APIRoute) or (needed := role_of(route)) is None:
            continue
        path = route.path_format
        for name in route.param_convertors:
            path = path.replace(f"{{{name}}}", "gate")
        for role, token in tokens.items():
            if role.covers(needed):
                continue
            client = TestClient(app, base_url="http://watch.example", follow_redirects=False)
            for method in route.methods:
                answer = client.request(method, path, headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code == 403, (role, method, path)
                refused[role] += 1
    assert refused[Role.VIEWER] > refused[Role.OPERATOR] > 5
    assert refused[Role.ADMIN] == 0


def user_with(app: FastAPI, role: Role, cameras: frozenset[str] | None = None) -> str:
    """A token of a new user."""
    accounts = app.state.gatekeeper.accounts
    if not accounts.has_users():
        accounts.add("root", Role.ADMIN, "an open door")
    name = f"{role}-{'all' if cameras is None else len(cameras)}"
    accounts.add(name, role, "an open door", cameras)
    return accounts.make_token(name, "test", None)[1]


# ---- a viewer of some cameras


@pytest.fixture
def limited(app: FastAPI) -> TestClient:
    token = user_with(app, Role.VIEWER, frozenset({"yard"}))
    return TestClient(app, base_url="http://watch.example", headers={"Authorization": f"Bearer {token}"})


def test_who_may_see_one_camera_sees_that_one(limited: TestClient) -> None:
    assert [camera["name"] for camera in limited.get("/api/cameras").json()] == ["yard"]
    assert limited.get("/api/cameras/yard/picture.jpg").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/cameras/gate/picture.jpg",
        "/api/cameras/gate/live.mjpg",
        "/api/cameras/gate/explain",
        "/api/cameras/gate/recordings?since=0&until=1",
        "/api/cameras/gate/recording.mp4?since=0&until=1",
    ],
)
def test_another_camera_looks_like_one_that_is_not_there(limited: TestClient, path: str) -> None:
    answer, unknown = limited.get(path), limited.get(path.replace("gate", "unknown"))
    assert answer.status_code == unknown.status_code == 404
    assert answer.json() == unknown.json()


def test_the_events_of_other_cameras_are_not_there(limited: TestClient) -> None:
    assert limited.get("/api/events").json() == []
    (told,) = TestClient(limited.app, base_url="http://watch.example").get(
        "/api/events", headers={"Authorization": f"Bearer {TOKEN}"}
    ).json()  # fmt: skip
    assert limited.get(f"/api/events/{told['id']}/snapshot.jpg").status_code == 404
    assert limited.get(f"/api/events/{told['id']}/clip.mp4").status_code == 404


def test_new_events_of_other_cameras_are_not_there_either() -> None:
    from watchpost.web.streams import recent_events

    hub = LiveHub(ManualClock())
    hub.add_event(event())
    camera = event().camera
    assert recent_events(hub, None, User("a", Role.VIEWER, frozenset({camera})), 10)
    assert recent_events(hub, None, User("a", Role.VIEWER, frozenset({"yard"})), 10) == []
    assert recent_events(hub, None, User("a", Role.VIEWER, frozenset()), 10) == []


def test_the_store_itself_is_for_those_who_see_all(app: FastAPI, limited: TestClient) -> None:
    assert limited.post("/es/events/_search", json={}).status_code == 403
    everything = user_with(app, Role.OPERATOR)
    client = TestClient(app, base_url="http://watch.example", headers={"Authorization": f"Bearer {everything}"})
    assert client.post("/es/events/_search", json={}).status_code == 200
    assert client.put("/es/mine").status_code == 403
    assert client.put("/es/mine", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_without_accounts_there_is_the_token_alone() -> None:
    app = create_app(Services(LiveHub(ManualClock())), token=TOKEN)
    client = TestClient(app, base_url="http://watch.example", headers={"Authorization": f"Bearer {TOKEN}"})
    assert client.get("/api/accounts/me").json()["role"] == "admin"
    assert client.get("/api/accounts/users").status_code == 404
