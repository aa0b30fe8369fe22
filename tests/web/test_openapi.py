"""The OpenAPI document says what there is, and nothing that fits it, or does not, makes the server fail."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from starlette.testclient import TestClient

from watchpost.errors import SourceError
from watchpost.web.access import Role
from watchpost.web.openapi import openapi
from whole_app import whole_app

TOKEN = "correct horse battery"
AUTH = {"Authorization": f"Bearer {TOKEN}"}
EXAMPLES = int(os.environ.get("WATCHPOST_API_EXAMPLES", "2"))
"""For each operation; more of them by hand."""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    def nothing(*_given: object) -> None:
        raise SourceError("nobody answers")

    monkeypatch.setattr("watchpost.web.api.sources.first_picture", nothing)
    with whole_app(tmp_path, token=TOKEN) as app:
        app.state.stop.set()  # streams end at once
        yield app


def test_every_route_of_the_api_is_in_the_document_with_its_role(app: FastAPI) -> None:
    client = TestClient(app, base_url="http://watch.example")
    assert client.get("/api/openapi.json").status_code == 401
    document = client.get("/api/openapi.json", headers=AUTH).json()
    assert document["openapi"].startswith("3.1")
    operations = {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    routes = {
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, APIRoute) and route.path.startswith("/api/") and route.path != "/api/openapi.json"
        for method in route.methods
    }
    assert routes <= operations.keys()
    for (method, path), operation in operations.items():
        assert operation["summary"], path
        assert operation["tags"], path
        is_open = path == "/api/accounts/login"
        assert (operation.get("x-role") in set(Role)) != is_open, path
        assert ("security" in operation) != is_open, path
        if method == "GET" and path.startswith("/api/"):
            assert operation["responses"]["200"]["content"], path


def test_the_document_holds_nothing_of_the_site(app: FastAPI) -> None:
    text = str(openapi(app))
    for word in ("yard", "hunter2", "office", TOKEN):
        assert word not in text


def operations_of(app: FastAPI) -> Iterator[Any]:
    schemathesis = pytest.importorskip("schemathesis")
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app, headers=AUTH)
    for found in schema.get_all_operations():
        yield found.ok()


def test_nothing_that_is_asked_makes_the_server_fail(app: FastAPI) -> None:
    asked = 0
    for operation in operations_of(app):

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            answer = case.call(headers=AUTH)
            assert answer.status_code < 500, (case.method, case.path, answer.status_code, answer.text)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of schemathesis itself
            ask()
    assert asked >= 25 * min(EXAMPLES, 2)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{", b'{"set": {"/cameras/gate/zones/a": NaN}}',
        b'{"set": {"/cameras/gate/max_fps": 1e999}}',
        b'{"set": {"/cameras/\\ud800": {}}}', b"[" * 3000, b'{"set": {"": 1}}', b'{"set": {"/cameras//": 1}}',
        b"\xff\xfe", b'{"remove": ["/cameras/gate/zones/door/0"]}',
    ],
)  # fmt: skip
def test_bodies_that_nobody_means_are_refused(app: FastAPI, body: bytes) -> None:
    client = TestClient(app, base_url="http://watch.example", headers={**AUTH, "Content-Type": "application/json"})
    version = client.get("/api/settings").json()["version"]
    answer = client.patch("/api/settings", content=body, headers={"If-Match": version})
    assert 400 <= answer.status_code < 500, answer.text
    assert client.get("/api/settings").json()["version"] == version
