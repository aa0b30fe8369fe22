from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from whole_app import whole_app

TOKEN = "a-token-of-the-server"
CSRF = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def client(tmp_path):
    with whole_app(tmp_path, token=TOKEN) as app:
        yield TestClient(app, base_url="http://127.0.0.1:8800")


def test_a_viewer_gets_the_shapes_of_the_cameras_it_may_see(client):
    boss = {"name": "boss", "password": "another long pass phrase", "role": "admin"}
    assert client.post("/api/accounts/users", json=boss, headers=CSRF).status_code == 201
    user = {"name": "porter", "password": "a long pass phrase", "role": "viewer", "cameras": ["gate"]}
    made = client.post("/api/accounts/users", json=user, headers=CSRF)
    assert made.status_code == 201, made.text
    login = client.post("/api/accounts/login", json={"name": "porter", "password": "a long pass phrase"})
    assert login.status_code in (200, 204)
    found = client.get("/api/cameras/gate/shapes").json()
    assert found == {"zones": {"door": [[0, 0], [0.5, 0], [0.5, 1]]}, "lines": {}}
    assert client.get("/api/cameras/yard/shapes").status_code == 404
    assert client.get("/api/cameras/nowhere/shapes", headers=CSRF).status_code == 404
