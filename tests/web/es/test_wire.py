"""What curl and those who mean harm send."""

from __future__ import annotations

import json
import shutil
import subprocess

import httpx2 as httpx
import pytest

from .conftest import TOKEN

AUTH = httpx.BasicAuth("x", TOKEN)
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def http(url: str):
    with httpx.Client(base_url=url, auth=AUTH) as client:
        yield client


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_writes_and_searches(url: str) -> None:
    def curl(*arguments: str) -> dict:
        command = ["curl", "-sS", "-u", f"me:{TOKEN}", "-H", "Content-Type: application/json", *arguments]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=20).stdout)

    assert curl("-XPUT", f"{url}/notes/_doc/1", "-d", '{"text": "a red car"}')["result"] == "created"
    lines = '{"index": {"_id": "2"}}\n{"text": "검은 차"}\n'
    assert curl(f"{url}/notes/_bulk", "--data-binary", lines)["errors"] is False
    found = curl(f"{url}/notes/_search?pretty", "-d", '{"query": {"match": {"text": "검은"}}}')
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["2"]
    assert curl(f"{url}/nowhere/_search")["error"]["type"] == "index_not_found_exception"


def test_every_answer_says_what_clients_look_for(http: httpx.Client) -> None:
    for path in ("/", "/events/_search", "/nowhere/_search", "/_nothing/of/this/kind"):
        assert http.get(path).headers["x-elastic-product"] == "Elasticsearch"
    wish = {"Accept": "application/vnd.elasticsearch+json; compatible-with=9"}
    assert http.get("/", headers=wish).headers["content-type"] == (
        "application/vnd.elasticsearch+json;compatible-with=9"
    )


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_what_a_foreign_page_can_send_is_refused(http: httpx.Client, kind: str) -> None:
    for method, path in (("POST", "/notes/_doc"), ("POST", "/_bulk"), ("POST", "/events/_search")):
        answer = http.request(method, path, content='{"a": 1}\n', headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["error"]["type"]) == (406, "media_type_header_exception")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        '{"query": ',
        "\x00",
        '{"query": {"term": {"camera": NaN}}}',
        "[" * 100_000,
        '{"query":' * 50_000,
        '{"query": {"term": {"track_id": ' + "9" * 5000 + "}}}",
        '{"query": ' + '{"bool": {"must": ' * 200 + '{"match_all": {}}' + "}}" * 200 + "}",
        '{"query": {"terms": {"camera": [' + ",".join('"x"' for _ in range(5000)) + "]}}}",
        '{"query": {"match": {"text": "' + "word " * 5000 + '"}}}',
        '{"query": {"term": {"camera": "\\ud800"}}}',
        '{"size": 10001}',
        '{"from": -1}',
        '{"sort": [{"nothing": "asc"}]}',
        '{"aggs": {"a": {"terms": {"field": "text"}}}}',
        '{"search_after": [1]}',
        '{"unknown": 1}',
    ],
)
def test_malformed_searches_are_errors_of_the_caller(http: httpx.Client, body: str) -> None:
    answer = http.post("/events/_search", content=body, headers=JSON)
    if body == "":
        assert answer.status_code == 200, "everything is searched for"
    else:
        assert answer.status_code == 400, answer.text[:300]
        assert answer.json()["error"]["reason"]


def test_bodies_are_bounded_with_and_without_a_length(http: httpx.Client) -> None:
    big = b" " * 20_000_001
    answer = http.post("/events/_search", content=big, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "content_too_long_exception")

    def parts():
        for _ in range(21):
            yield b" " * 1_000_000

    assert http.post("/events/_search", content=parts(), headers=JSON).status_code == 413


def test_without_a_token_only_this_machine_is_answered(store) -> None:
    from watchpost.clock import SystemClock
    from watchpost.runtime.live import LiveHub
    from watchpost.web.app import create_app
    from watchpost.web.server import WebServer
    from watchpost.web.services import Services

    server = WebServer(create_app(Services(LiveHub(SystemClock()), store=lambda: store)), port=0)
    url = server.start()
    try:
        assert httpx.get(f"{url}es/events/_count").json()["count"] == 3
        assert httpx.get(f"{url}es/events/_count", headers={"Host": "evil.example"}).status_code == 421
    finally:
        server.stop()


def test_a_store_that_is_elsewhere_says_so() -> None:
    from watchpost.clock import SystemClock
    from watchpost.runtime.live import LiveHub
    from watchpost.web.app import create_app
    from watchpost.web.server import WebServer
    from watchpost.web.services import Services

    server = WebServer(create_app(Services(LiveHub(SystemClock()))), port=0)
    url = server.start()
    try:
        answer = httpx.get(f"{url}es/events/_search")
        assert (answer.status_code, "elsewhere" in answer.text) == (503, True)
    finally:
        server.stop()
