"""What every event store must do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest

from watchpost.clock import SystemClock
from watchpost.errors import WatchpostError
from watchpost.runtime.live import LiveHub
from watchpost.stores import EventFilter, EventStore, elasticsearch, sqlite
from watchpost.stores.query import QueryError
from watchpost.types import Event, Moment, new_event_id
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

Open = Callable[[], EventStore]


def event(**changes: object) -> Event:
    fields: dict = {
        "id": new_event_id(),
        "camera": "yard",
        "rule": "who",
        "kind": "appeared",
        "class_name": "person",
        "track_id": 3,
        "start": Moment(1.0, 1000.0),
        "end": Moment(2.5, 1001.5),
        "score": 0.75,
        "box": (0.1, 0.25, 0.5, 1.0),
    }
    return Event(**(fields | changes))


def at(wall_time_s: float, **changes: object) -> Event:
    return event(start=Moment(0.0, wall_time_s), end=Moment(1.0, wall_time_s + 1), **changes)


@pytest.fixture(params=["sqlite", "elasticsearch", "cluster"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """The embedded store; the Elasticsearch store over our own dialect; the same over the cluster of `--es-url`."""
    opened: list[EventStore] = []
    with ExitStack() as stack:
        if request.param == "sqlite":
            options: object = sqlite.Options(path=tmp_path / "deep" / "events.db")
            module: ModuleType = sqlite
        else:
            pytest.importorskip("elasticsearch", reason="pip install 'watchpost[elasticsearch]'")
            module = elasticsearch
            options = module.Options(
                queue=tmp_path / "deep" / "queue", **_cluster(request, tmp_path, stack, request.param == "cluster")
            )

        def open_one() -> EventStore:
            opened.append(module.create(options))
            return opened[-1]

        yield open_one
        for store in opened:
            store.close()


def _cluster(request: pytest.FixtureRequest, tmp_path: Path, stack: ExitStack, is_real: bool) -> dict[str, object]:
    """Where the Elasticsearch store finds a cluster that is empty."""
    if not is_real:
        holder = sqlite.create(sqlite.Options(path=tmp_path / "dialect.db"))
        stack.callback(holder.close)
        server = WebServer(create_app(Services(LiveHub(SystemClock()), store=lambda: holder)), port=0)
        stack.callback(server.stop)
        return {"url": f"{server.start()}es"}
    url = request.config.getoption("--es-url", default=None)
    if url is None:
        pytest.skip("no cluster; name one with --es-url URL")
    from elasticsearch import Elasticsearch

    key = request.config.getoption("--es-api-key", default=None)
    prefix = f"watchpost-test-{new_event_id()}"
    client = Elasticsearch(url, api_key=key)
    stack.callback(client.close)

    def clear() -> None:
        for kind in ("events", "snapshots"):
            for index in client.indices.get(index=f"{prefix}-{kind}-*"):
                client.indices.delete(index=index)
            client.options(ignore_status=404).indices.delete_index_template(name=f"{prefix}-{kind}")

    stack.callback(clear)
    return {"url": url, "api_key": key, "index": prefix}


@pytest.fixture
def store(open_store: Open) -> EventStore:
    return open_store()


def test_what_was_added_comes_back_whole_but_for_the_snapshot(store: EventStore) -> None:
    full = event(zone="door", attributes={"direction": "in", "count": 2, "firm": True, "dwell_s": 1.5})
    bare = event(track_id=None, box=None, kind="crowded")
    store.add([full, bare])
    assert {found.id: found for found in store.search(EventFilter())} == {full.id: full, bare.id: bare}


def test_snapshots_are_kept_apart(store: EventStore) -> None:
    seen = event(snapshot=b"\xff\xd8picture")
    store.add([seen])
    assert store.search(EventFilter())[0].snapshot is None
    assert store.snapshot(seen.id) == b"\xff\xd8picture"
    assert store.snapshot("nobody") is None


def test_an_id_that_is_there_is_replaced(store: EventStore) -> None:
    first = event(snapshot=b"old")
    store.add([first])
    store.add([event(id=first.id, kind="left", snapshot=b"new")])
    assert [found.kind for found in store.search(EventFilter())] == ["left"]
    assert store.snapshot(first.id) == b"new"


def test_events_outlive_the_store(open_store: Open) -> None:
    kept = event()
    first = open_store()
    first.add([kept])
    first.close()
    assert open_store().search(EventFilter()) == [kept]


def test_filters_by_camera_class_and_kind(store: EventStore) -> None:
    events = [
        event(camera="yard"),
        event(camera="hall", class_name="cat"),
        event(camera="gate", kind="left"),
    ]
    store.add(events)

    def cameras(**query: object) -> set[str]:
        return {found.camera for found in store.search(EventFilter(**query))}  # type: ignore[arg-type]

    assert cameras(cameras=frozenset({"yard", "gate"})) == {"yard", "gate"}
    assert cameras(class_names=frozenset({"cat"})) == {"hall"}
    assert cameras(kinds=frozenset({"left"})) == {"gate"}
    assert cameras(kinds=frozenset({"left"}), cameras=frozenset({"yard"})) == set()


def test_all_words_of_the_text_must_occur_in_capitals_or_not(store: EventStore) -> None:
    store.add(
        [
            event(camera="Front yard", zone="Door_1", attributes={"direction": "in"}),
            event(camera="정문", zone="100%"),
        ]
    )

    def count(text: str) -> int:
        return len(store.search(EventFilter(text=text)))

    assert count("YARD door") == 1
    assert count("direction in") == 1
    assert count("yard 정문") == 0
    assert count("정문") == 1
    assert count("Door%") == 1
    assert count("oor") == 0
    assert count("100%") == 1
    assert count("  ") == 2
    assert count("' OR 1=1 --") == 0


def test_a_time_window_finds_what_overlaps_it(store: EventStore) -> None:
    store.add([at(100, camera="a"), at(200, camera="b"), at(300, camera="c")])

    def cameras(since: float | None, until: float | None) -> list[str]:
        query = EventFilter(since_wall_time_s=since, until_wall_time_s=until, newest_first=False)
        return [found.camera for found in store.search(query)]

    assert cameras(None, None) == ["a", "b", "c"]
    assert cameras(200.5, None) == ["b", "c"]
    assert cameras(None, 200.5) == ["a", "b"]
    assert cameras(202, 299) == []


def test_order_and_limit(store: EventStore) -> None:
    store.add([at(200, camera="b"), at(100, camera="a"), at(300, camera="c")])
    assert [found.camera for found in store.search(EventFilter(limit=2))] == ["c", "b"]
    assert [found.camera for found in store.search(EventFilter(limit=2, newest_first=False))] == ["a", "b"]
    assert len(store.search(EventFilter(limit=10**30))) == 3


def test_words_that_are_no_text_are_in_no_event(store: EventStore) -> None:
    store.add([at(200)])
    assert store.search(EventFilter(cameras=frozenset({"\udcff"}))) == []
    assert store.search(EventFilter(text="\udcff")) == []


def test_prune_deletes_old_events_and_their_snapshots(store: EventStore) -> None:
    old, new = at(100, snapshot=b"old"), at(200, snapshot=b"new")
    many = [at(50) for _ in range(1200)]
    store.add([*many, old, new])
    assert store.prune(101.5) == 1201
    assert [found.id for found in store.search(EventFilter())] == [new.id]
    assert store.snapshot(old.id) is None
    assert store.snapshot(new.id) == b"new"
    assert store.prune(101.5) == 0


def test_the_query_language(store: EventStore) -> None:
    store.add(
        [at(100, camera="정문 1", attributes={"n": 2}), at(200, camera="gate", zone="side door"), at(300, kind="left")]
    )

    def cameras(query: dict, **more: object) -> list[str]:
        hits = store.query({"query": query, "sort": [{"end.time": "asc"}], **more})["hits"]["hits"]
        return [hit["_source"]["camera"] for hit in hits]

    assert cameras({"match": {"text": "정문"}}) == ["정문 1"]
    assert cameras({"match": {"camera.text": "문"}}) == ["정문 1"]
    assert cameras({"term": {"zone": "side door"}}) == ["gate"]
    assert cameras({"range": {"end.time": {"gte": 201_000}}}) == ["gate", "yard"]
    assert cameras({"range": {"attributes.n": {"gt": 1}}}) == ["정문 1"]
    assert cameras({"bool": {"must_not": [{"exists": {"field": "zone"}}]}}, size=1) == ["정문 1"]
    assert cameras({"wildcard": {"camera": "*at?"}}) == ["gate"]
    answer = store.query({"size": 0, "aggs": {"kinds": {"terms": {"field": "kind"}}}})
    buckets = answer["aggregations"]["kinds"]["buckets"]
    assert [(bucket["key"], bucket["doc_count"]) for bucket in buckets] == [("appeared", 2), ("left", 1)]
    marked = store.query({"query": {"match": {"zone.text": "door"}}, "highlight": {"fields": {"zone.text": {}}}})
    assert marked["hits"]["hits"][0]["highlight"] == {"zone.text": ["side <em>door</em>"]}
    with pytest.raises(QueryError, match="nonsense"):
        store.query({"query": {"nonsense": {}}})


def test_an_empty_batch_is_no_trouble(store: EventStore) -> None:
    store.add([])
    assert store.search(EventFilter()) == []


def test_a_closed_store_says_so(store: EventStore) -> None:
    store.close()
    store.close()
    with pytest.raises(WatchpostError, match="closed"):
        store.add([event()])
    with pytest.raises(WatchpostError, match="closed"):
        store.search(EventFilter())


def test_two_writers_and_a_reader_at_once(store: EventStore) -> None:
    failures: list[BaseException] = []
    done = threading.Event()

    def write(camera: str) -> None:
        try:
            for _ in range(30):
                store.add([event(camera=camera, snapshot=b"x" * 1000) for _ in range(3)])
        except BaseException as error:
            failures.append(error)

    def read() -> None:
        try:
            before = 0
            while not done.is_set():
                now = len(store.search(EventFilter(limit=1000)))
                assert now >= before
                assert now % 3 == 0, "a batch was seen in part"
                before = now
        except BaseException as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=[camera]) for camera in ("a", "b")]
    reader = threading.Thread(target=read)
    for thread in [*writers, reader]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert failures == []
    assert len(store.search(EventFilter(limit=1000))) == 180
