"""What the Elasticsearch store sends, pinned to the published API, and what it does when the cluster is down."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from watchpost.errors import WatchpostError
from watchpost.stores.query import QueryError
from watchpost.types import Event, Moment

pytest.importorskip("elasticsearch", reason="pip install 'watchpost[elasticsearch]'")
from elastic_transport import BaseNode, ConnectionError, HttpHeaders
from elastic_transport._models import ApiResponseMeta
from elastic_transport._node._base import NodeApiResponse

from watchpost.stores._cluster import ElasticsearchStore
from watchpost.stores.elasticsearch import Options

EVENT = Event(
    "0199e2f1c40070008000000000000001",  # October 2025
    "gate",
    "who",
    "left",
    "person",
    7,
    Moment(1.0, 1_760_000_000.0),
    Moment(3.5, 1_760_000_002.5),
    0.5,
    None,
    snapshot=b"jpg",
)
EMPTY = {"took": 1, "timed_out": False, "hits": {"max_score": None, "hits": []}}
Answer = Callable[[str, str, list[Any]], tuple[int, dict[str, Any]]]


def bulk_of(lines: list[Any]) -> dict[str, Any]:
    """A cluster's answer to a bulk, as recorded in the API's documentation."""
    items = [
        {
            "index": {
                **line["index"],
                "_version": 1,
                "result": "created",
                "_seq_no": 0,
                "_primary_term": 1,
                "status": 201,
            }
        }
        for line in lines[::2]
    ]
    return {"took": 30, "errors": False, "items": items}


class Cluster:
    """Stands in for the network: keeps requests and answers them."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, list[Any], HttpHeaders]] = []
        self.is_down = False
        self.answer: Answer = lambda method, path, lines: (200, {"acknowledged": True})

    def node(self) -> type[BaseNode]:
        cluster = self

        class Node(BaseNode):
            _CLIENT_META_HTTP_CLIENT = ("xx", "1")

            def perform_request(self, method, target, body=None, headers=None, request_timeout=None):  # type: ignore[no-untyped-def]
                if cluster.is_down:
                    raise ConnectionError("connection refused")
                lines = [json.loads(line) for line in (body or b"").splitlines()]
                cluster.requests.append((method, target, lines, headers))
                if target == "/_bulk":
                    status, answer = 200, bulk_of(lines)
                elif target.endswith("_search"):
                    status, answer = 200, EMPTY
                else:
                    status, answer = 200, {"acknowledged": True}
                given = cluster.answer(method, target, lines)
                if given != (200, {"acknowledged": True}):
                    status, answer = given
                sent = HttpHeaders({"content-type": "application/json", "x-elastic-product": "Elasticsearch"})
                return NodeApiResponse(
                    ApiResponseMeta(status, "1.1", sent, 0.0, self.config), json.dumps(answer).encode()
                )

            def close(self) -> None:
                pass

        return Node

    def of(self, path: str) -> list[list[Any]]:
        return [lines for _, target, lines, _ in self.requests if target == path]


class Clock:
    """Waits are short, and noted."""

    def __init__(self) -> None:
        self.waits_s: list[float] = []

    def wall_time_s(self) -> float:
        return 1_760_000_000.0

    def monotonic_s(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float, until: Any = None) -> bool:
        self.waits_s.append(seconds)
        return bool(until.wait(0.01))


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_store(cluster: Cluster, clock: Clock, tmp_path: Path):
    opened = []

    def open_one(**options: Any) -> ElasticsearchStore:
        settings = Options(**{"url": "https://es.example:9200", "queue": tmp_path / "queue"} | options)
        opened.append(ElasticsearchStore(settings, clock, cluster.node()))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.002)


def test_the_first_event_brings_templates_and_a_lifecycle(open_store, cluster: Cluster) -> None:
    store = open_store(keep_days=30, api_key="a2V5")
    store.add([EVENT])
    wait_for(lambda: store.counts["sent"] == 1)
    assert [(method, path) for method, path, _, _ in cluster.requests] == [
        ("PUT", "/_ilm/policy/watchpost"),
        ("PUT", "/_index_template/watchpost-events"),
        ("PUT", "/_index_template/watchpost-snapshots"),
        ("PUT", "/_bulk"),
    ]
    assert all(headers["authorization"] == "ApiKey a2V5" for *_, headers in cluster.requests)
    (policy,) = cluster.of("/_ilm/policy/watchpost")[0]
    assert policy["policy"]["phases"]["delete"] == {"min_age": "61d", "actions": {"delete": {}}}
    (template,) = cluster.of("/_index_template/watchpost-events")[0]
    assert template["index_patterns"] == ["watchpost-events-*"]
    assert template["template"]["settings"]["index"]["lifecycle"] == {"name": "watchpost"}
    analyzer = template["template"]["settings"]["index"]["analysis"]["analyzer"]["watchpost"]
    assert analyzer["filter"] == ["cjk_width", "lowercase", "watchpost_pairs"]
    properties = template["template"]["mappings"]["properties"]
    assert properties["camera"]["fields"]["text"]["search_analyzer"] == "watchpost_search"


def test_a_bulk_in_the_shape_of_the_api(open_store, cluster: Cluster) -> None:
    store = open_store(setup=False)
    store.add([EVENT])
    wait_for(lambda: store.counts["sent"] == 1)
    ((method, path, lines, headers),) = cluster.requests
    assert (method, path) == ("PUT", "/_bulk")
    assert headers["content-type"] == "application/vnd.elasticsearch+x-ndjson; compatible-with=9"
    assert lines[0] == {"index": {"_index": "watchpost-events-2025.10", "_id": EVENT.id}}
    assert lines[1]["end"]["time"] == "2025-10-09T08:53:22.500Z"
    assert lines[1]["duration_s"] == 2.5
    assert lines[1]["text"] == ["gate", "who", "left", "person"]
    assert lines[2] == {"index": {"_index": "watchpost-snapshots-2025.10", "_id": EVENT.id}}
    assert lines[3]["jpeg"] == "anBn"


def test_events_wait_on_disk_while_the_cluster_is_down(open_store, cluster: Cluster, clock: Clock) -> None:
    cluster.is_down = True
    first = open_store()
    first.add([EVENT])
    wait_for(lambda: len(clock.waits_s) >= 8)
    assert clock.waits_s[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    with pytest.raises(WatchpostError, match=r"es\.example:9200 does not answer"):
        first.query({})
    first.close()
    cluster.is_down = False
    second = open_store()
    wait_for(lambda: second.counts["sent"] == 1)
    assert cluster.of("/_bulk")[0][1]["id"] == EVENT.id


def test_what_has_no_room_is_sent_again_and_what_is_refused_is_not(open_store, cluster: Cluster) -> None:
    tries: list[list[str]] = []

    def answer(method: str, path: str, lines: list[Any]) -> tuple[int, dict[str, Any]]:
        if path != "/_bulk":
            return 200, {"acknowledged": True}
        tries.append([line["index"]["_id"] for line in lines[::2]])
        body = bulk_of(lines)
        for item in body["items"]:
            result = item["index"]
            if result["_id"] == "full" and len(tries) == 1:
                result |= {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "full"}}
            if result["_id"] == "bad":
                result |= {"status": 400, "error": {"type": "document_parsing_exception", "reason": "no"}}
        return 200, body

    cluster.answer = answer
    store = open_store(setup=False)
    moments = EVENT.start, EVENT.end
    store.add(
        [Event(name, "gate", "who", "left", "person", 7, *moments, 0.5, None) for name in ("good", "full", "bad")]
    )
    wait_for(lambda: store.counts["sent"] == 2)
    assert tries == [["good", "full", "bad"], ["full"]]
    assert store.counts == {"sent": 2, "refused": 1, "dropped": 0}


def test_a_search_leaves_the_words_out(open_store, cluster: Cluster) -> None:
    store = open_store()
    store.query({"query": {"match_all": {}}, "size": 3})
    assert [(method, path) for method, path, _, _ in cluster.requests] == [
        ("POST", "/watchpost-*/_refresh"),
        ("POST", "/watchpost-events-*/_search"),
    ]
    (body,) = cluster.of("/watchpost-events-*/_search")[0]
    assert body == {"_source": {"excludes": ["text"]}, "query": {"match_all": {}}, "size": 3}


def test_errors_of_the_cluster_are_told(open_store, cluster: Cluster) -> None:
    store = open_store()
    reason = {"error": {"type": "parsing_exception", "reason": "unknown query [nonsense]"}, "status": 400}
    cluster.answer = lambda method, path, lines: (400, reason) if "_search" in path else (200, {"acknowledged": True})
    with pytest.raises(QueryError, match=r"unknown query \[nonsense\]"):
        store.query({"query": {"nonsense": {}}})
    denied = {"error": {"type": "security_exception", "reason": "unable to authenticate"}, "status": 401}
    cluster.answer = lambda method, path, lines: (401, denied)
    with pytest.raises(WatchpostError, match="Check api_key"):
        store.query({})


def test_the_queue_is_bounded(open_store, cluster: Cluster) -> None:
    cluster.is_down = True
    store = open_store(queue_mb=1)
    for _ in range(5):
        moments = EVENT.start, EVENT.end
        store.add([Event("x", "gate", "who", "left", "person", 7, *moments, 0.5, None, snapshot=bytes(400_000))])
    assert store.counts["dropped"] == 3


def test_an_address_that_is_none_is_told(open_store) -> None:
    with pytest.raises(WatchpostError, match="write for instance https://"):
        open_store(url="nowhere")
