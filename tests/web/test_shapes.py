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
    user = {"name": "porter", "password": "a long pass phrase", "role": "viewer", "cameras": ["gate"]}
    assert client.post("/api/accounts/users", json=user, headers=CSRF).status_code in (200, 201)
    login = client.post("/api/accounts/login", json={"name": "porter", "password": "a long pass phrase"})
    assert login.status_code in (200, 204)
    found = client.get("/api/cameras/gate/shapes").json()
    assert found == {"zones": {"door": [[0, 0], [0.5, 0], [0.5, 1]]}, "lines": {}}
    assert client.get("/api/cameras/yard/shapes").status_code == 404
    assert client.get("/api/cameras/nowhere/shapes", headers=CSRF).status_code == 404
