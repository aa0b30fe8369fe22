"""The pages' way to the API: as their reader, and with its words where it refuses."""

from __future__ import annotations

import asyncio
from typing import Annotated

import pytest
from fastapi import FastAPI, Header, HTTPException, Query, Request

from watchpost.web.dashboard.own_api import OwnApi, RefusedError

app = FastAPI()


@app.get("/who")
def who(request: Request) -> dict[str, str | None]:
    headers = request.headers
    return {name: headers.get(name) for name in ("cookie", "host", "authorization", "user-agent")} | {
        "address": request.client.host if request.client else None
    }


@app.get("/listed")
def listed(name: Annotated[list[str], Query()], least: int = 0) -> dict[str, object]:
    return {"name": name, "least": least}


@app.put("/kept")
def kept(if_match: Annotated[str, Header()], x_csrf_token: Annotated[str, Header()]) -> dict[str, str]:
    return {"version": if_match, "csrf": x_csrf_token}


@app.delete("/kept", status_code=204)
def gone() -> None: ...


@app.get("/refused")
def refused() -> None:
    raise HTTPException(409, "somebody else has changed the file")


@app.get("/broken")
def broken() -> None:
    raise ZeroDivisionError


@pytest.fixture
def api():
    headers = {"cookie": "watchpost_session=abc", "host": "watch.example:8010", "accept": "text/html"}
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "server": ("127.0.0.1", 8010),
        "path": "/events",
        "query_string": b"",
        "client": ("10.0.0.7", 4711),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    return OwnApi(app, Request(scope))


def test_the_reader_asks_from_where_the_page_was_asked_for(api):
    told = asyncio.run(api.get("/who"))
    assert told["cookie"] == "watchpost_session=abc"
    assert told["host"] == "watch.example:8010"
    assert told["address"] == "10.0.0.7"
    assert told["authorization"] is None


def test_lists_are_told_apart_and_nothing_is_left_out_but_nothing(api):
    assert asyncio.run(api.get("/listed", name=["정문", "a&b"], least=0)) == {"name": ["정문", "a&b"], "least": 0}


def test_a_change_names_its_version_and_carries_the_sessions_token(api):
    told = asyncio.run(api.put("/kept", {}, version="v1"))
    assert told["version"] == '"v1"'
    assert told["csrf"]
    assert asyncio.run(api.delete("/kept")) is None


def test_a_refusal_has_the_servers_words(api):
    with pytest.raises(RefusedError, match=r"^somebody else has changed the file$") as refusal:
        asyncio.run(api.get("/refused"))
    assert refusal.value.status == 409


def test_what_does_not_fit_is_named(api):
    with pytest.raises(RefusedError, match=r"^least: .*integer.*$"):
        asyncio.run(api.get("/listed", name=["a"], least="many"))


def test_a_fault_of_the_server_is_told_without_its_insides(api):
    with pytest.raises(RefusedError, match=r"^the server answered with status 500$"):
        asyncio.run(api.get("/broken"))
