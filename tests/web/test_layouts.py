from __future__ import annotations

from contextlib import closing

import pytest
from starlette.testclient import TestClient

from hashing import cheap_passwords
from watchpost.clock import ManualClock
from watchpost.errors import WatchpostError
from watchpost.runtime.live import LiveHub
from watchpost.web.accounts import Accounts
from watchpost.web.app import create_app
from watchpost.web.layouts import MAX_LAYOUTS, Layout, Layouts, TooManyLayoutsError
from watchpost.web.services import Services

TOKEN = "a-token-of-the-server"
NIGHT = Layout(grid=4, cameras=["gate", "정문/1"])


@pytest.fixture
def client(tmp_path):
    services = Services(LiveHub(ManualClock()), layouts=Layouts(tmp_path))
    return TestClient(create_app(services), base_url="http://127.0.0.1:8800")


def test_layouts_are_each_users_own_and_outlive_the_server(tmp_path):
    layouts = Layouts(tmp_path)
    layouts.put("ann", "night", NIGHT)
    layouts.put("ann", "day", Layout(grid=9, cameras=[]))
    assert Layouts(tmp_path).of("ann") == {"day": Layout(grid=9, cameras=[]), "night": NIGHT}
    assert layouts.of("bob") == {}
    assert not layouts.remove("bob", "night")
    assert layouts.remove("ann", "night")
    assert list(Layouts(tmp_path).of("ann")) == ["day"]


def test_a_user_who_is_removed_takes_the_layouts_along(tmp_path):
    layouts = Layouts(tmp_path)
    with closing(Accounts(tmp_path, ManualClock(), cheap_passwords())) as accounts:
        app = create_app(Services(LiveHub(ManualClock()), layouts=layouts, accounts=accounts), token=TOKEN)
        client = TestClient(app, base_url="http://127.0.0.1:8800", headers={"Authorization": f"Bearer {TOKEN}"})
        for name in ("ann", "bob"):
            body = {"name": name, "password": "a long pass phrase", "role": "admin"}
            assert client.post("/api/accounts/users", json=body).status_code == 201
            layouts.put(name, "night", NIGHT)
        assert client.delete("/api/accounts/users/bob").status_code == 204
    assert layouts.of("bob") == {}
    assert list(layouts.of("ann")) == ["night"]


def test_who_removes_a_user_elsewhere_is_heard(tmp_path):
    layouts = Layouts(tmp_path)
    layouts.put("ann", "night", NIGHT)
    Layouts(tmp_path).forget("ann")
    assert layouts.of("ann") == {}


def test_there_is_a_bound_to_what_is_kept():
    layouts = Layouts()
    for number in range(MAX_LAYOUTS):
        layouts.put("ann", str(number), NIGHT)
    layouts.put("ann", "0", NIGHT)
    with pytest.raises(TooManyLayoutsError, match="delete one"):
        layouts.put("ann", "one more", NIGHT)


def test_a_file_that_is_none_of_ours_is_told(tmp_path):
    (tmp_path / "layouts.json").write_text("[1]")
    with pytest.raises(WatchpostError, match="move it away"):
        Layouts(tmp_path)


def test_over_the_api(client):
    body = {"grid": 4, "cameras": ["gate"]}
    assert client.put("/api/layouts/밤/1", json=body).json() == {"밤/1": body}
    assert client.get("/api/layouts").json() == {"밤/1": body}
    assert client.delete("/api/layouts/밤/1").json() == {}
    assert client.delete("/api/layouts/밤/1").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"grid": 0, "cameras": []},
        {"grid": 37, "cameras": []},
        {"grid": 4, "cameras": ["x"] * 37},
        {"grid": 4},
        {"a": 1},
    ],
)
def test_what_is_no_layout_is_refused(client, body):
    assert client.put("/api/layouts/night", json=body).status_code == 422
