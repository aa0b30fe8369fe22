"""The compiler of queries against the naive answer, over random documents and random queries.

The same events are asked three ways: in the table of events, as documents of an index of their own (with the mapping
that a real cluster gets), and naively.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import naive_answers as naive
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchpost.clock import ManualClock
from watchpost.stores import sqlite
from watchpost.stores._event_document import event_mapping, texts, to_document
from watchpost.stores.embedded.indices import Action
from watchpost.stores.query import parse_search
from watchpost.types import Event, Moment

NAMES = ["gate", "Side gate", "SIDE", "정문", "정문 주차장", "a*b", "[x]?", "gate_2", "문"]
COLOURS = ["red", "Red", "검정", "dark red"]
WORDS = ["gate", "side", "정문", "정문에서", "문", "red", "검정 gate", "주차", "nothing", "2", "gate SIDE red", "* ?"]
BASE_S = 1_767_225_600.0
MOMENTS_S = st.integers(0, 40).map(lambda n: BASE_S + n * 7200.25 + (n % 3) * 0.0004)

events = st.builds(
    lambda number, camera, kind, zone, track, start_s, lasts_s, score, attributes: (
        camera, kind, zone, track, start_s, lasts_s, score, attributes
    ),
    st.none(),
    st.sampled_from(NAMES),
    st.sampled_from(["left", "appeared"]),
    st.none() | st.sampled_from(NAMES),
    st.none() | st.integers(0, 4),
    MOMENTS_S,
    st.sampled_from([0.0, 0.5, 30.0, 9000.0]),
    st.sampled_from([0.0, 0.25, 1.0]),
    st.fixed_dictionaries({}, optional={"colour": st.sampled_from(COLOURS), "count": st.sampled_from([0, 1, 2.5])}),
)  # fmt: skip


def event(number: int, parts: tuple[Any, ...]) -> Event:
    camera, kind, zone, track, start_s, lasts_s, score, attributes = parts
    start, end = Moment(start_s - BASE_S, start_s), Moment(start_s - BASE_S + lasts_s, start_s + lasts_s)
    # ids that do not sort as the times do
    return Event(
        f"{number * 7 % 31:02d}x", camera, "who", kind, "person", track, start, end, score, None, zone, attributes
    )


keyword = st.sampled_from(["camera", "kind", "zone", "id", "attributes.colour"])
text = st.sampled_from(["text", "camera.text", "zone.text"])
number = st.sampled_from(["track_id", "score", "duration_s", "attributes.count"])
date = st.sampled_from(["start.time", "end.time"])
value = st.sampled_from([*NAMES, *COLOURS, "left", "07x", ""])
figure = st.sampled_from([0, 1, 2, 2.5, 0.25, 30.0, -1])
instant = st.integers(0, 40).map(lambda n: int((BASE_S + n * 7200.25) * 1000))
minimum = st.sampled_from([1, 2, -1, "50%", "-50%", 5])


def bounds(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(
        st.sampled_from(["gte", "gt", "from", None]), values, st.sampled_from(["lte", "lt", "to", None]), values
    ).map(lambda t: {name: each for name, each in ((t[0], t[1]), (t[2], t[3])) if name} or {"gte": t[1]})


def one(kind: str, field: st.SearchStrategy[str], options: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(field, options).map(lambda pair: {kind: {pair[0]: pair[1]}})


match_options = st.fixed_dictionaries(
    {"query": st.sampled_from(WORDS)},
    optional={"operator": st.sampled_from(["and", "or"]), "minimum_should_match": minimum},
)
leaf = st.one_of(
    one("match", text, match_options),
    one("match", st.sampled_from(["camera", "zone"]), st.fixed_dictionaries({"query": value})),
    st.tuples(st.lists(text, min_size=1, max_size=3), match_options).map(
        lambda pair: {"multi_match": {"fields": pair[0], **pair[1]}}
    ),
    one("term", keyword, st.fixed_dictionaries({"value": value}, optional={"case_insensitive": st.booleans()})),
    one(
        "term",
        text,
        st.fixed_dictionaries({"value": st.sampled_from(["gate", "Side", "정", "정문", "side gate", '"'])}),
    ),
    one("term", number, st.fixed_dictionaries({"value": figure})),
    one("terms", keyword, st.lists(value, max_size=3)),
    one("terms", number, st.lists(figure, max_size=3)),
    one("range", number, bounds(figure)),
    one("range", date, bounds(instant)),
    one(
        "range",
        st.sampled_from(["start.wall_time_s", "end.wall_time_s"]),
        bounds(instant.map(lambda each: each / 1000)),
    ),
    one("range", keyword, bounds(value)),
    st.tuples(keyword | number | text).map(lambda field: {"exists": {"field": field[0]}}),
    st.lists(st.sampled_from(["00x", "07x", "14x", "nobody"]), max_size=3).map(lambda ids: {"ids": {"values": ids}}),
    one("prefix", keyword, st.fixed_dictionaries({"value": st.sampled_from(["", "g", "정", "a*", "[", "gate"])})),
    one("prefix", text, st.fixed_dictionaries({"value": st.sampled_from(["g", "정", "side"])})),
    one(
        "wildcard",
        keyword,
        st.fixed_dictionaries(
            {"value": st.sampled_from(["*", "?", "*gate*", "정?", r"a\*b", "[x]?", r"[x]\?", "*[*", "s*"])},
            optional={"case_insensitive": st.booleans()},
        ),
    ),
)
query = st.recursive(
    leaf | leaf | st.sampled_from([{"match_all": {}}, {"match_none": {}}]),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "must": st.lists(inner, min_size=1, max_size=2),
            "filter": st.lists(inner, min_size=1, max_size=2),
            "should": st.lists(inner, max_size=3),
            "must_not": st.lists(inner, max_size=2),
            "minimum_should_match": minimum,
        },
    ).map(lambda body: {"bool": body}),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["start.time", "end.time", "track_id", "zone", "score", "camera", "attributes.colour", "duration_s"]
)


@pytest.fixture(scope="module")
def store():
    with tempfile.TemporaryDirectory() as folder:
        store = sqlite.create(sqlite.Options(path=Path(folder) / "events.db"), ManualClock())
        store.indices.create("copy", {}, event_mapping())
        yield store
        store.close()


def fill(store: sqlite.SqliteStore, parts: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    store.prune(1e12)
    store.indices.delete_by_query("copy", parse_search({}))
    found = [event(number, each) for number, each in enumerate(parts)]
    store.add(found)
    documents = [to_document(each) for each in found]
    documents = [each | {"text": texts(each)} for each in documents]
    for written in store.indices.bulk([Action("index", "copy", each["id"], each) for each in documents]):
        assert not isinstance(written, Exception), written
    return documents


def ask(store: sqlite.SqliteStore, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return store.query(body), store.indices.search("copy", parse_search(body))


def ids(answer: dict[str, Any]) -> list[str]:
    return [hit["_id"] for hit in answer["hits"]["hits"]]


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(events, min_size=12, max_size=12), queries=st.lists(query, min_size=15, max_size=15))
def test_every_query_finds_what_it_should(store: sqlite.SqliteStore, parts: list[Any], queries: list[Any]) -> None:
    documents = fill(store, parts)
    for asked in queries:
        expected = sorted(each["id"] for each in documents if naive.fits(each, asked))
        for sort in ([{"id": "asc"}], [{"end.time": "desc"}], None):
            for answer in ask(store, {"query": asked, "size": 50} | ({"sort": sort} if sort else {})):
                assert sorted(ids(answer)) == expected, asked
                assert answer["hits"]["total"] == {"value": len(expected), "relation": "eq"}


@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(
    parts=st.lists(events, min_size=5, max_size=12), asked=leaf, field=FIELDS, order=st.sampled_from(["asc", "desc"])
)
def test_pages_follow_one_another(
    store: sqlite.SqliteStore, parts: list[Any], asked: dict[str, Any], field: str, order: str
) -> None:
    documents = [each for each in fill(store, parts) if naive.fits(each, asked)]
    expected = naive.ordered(documents, field, order)
    for search in (store.query, lambda body: store.indices.search("copy", parse_search(body))):
        body = {
            "query": asked,
            "sort": [{field: {"order": order, "unmapped_type": "keyword"}}, {"id": "asc"}],
            "size": 3,
        }
        found: list[str] = []
        while hits := search(body)["hits"]["hits"]:
            found += [hit["_id"] for hit in hits]
            body["search_after"] = hits[-1]["sort"]
            assert len(found) <= len(expected)
        assert found == expected


@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(events, min_size=5, max_size=12), asked=leaf)
def test_aggregations_count_right(store: sqlite.SqliteStore, parts: list[Any], asked: dict[str, Any]) -> None:
    documents = [each for each in fill(store, parts) if naive.fits(each, asked)]
    aggs = {
        "zones": {
            "terms": {"field": "zone", "size": 100},
            "aggs": {
                "score": {"stats": {"field": "score"}},
                "cameras": {"cardinality": {"field": "camera"}},
                "kinds": {"terms": {"field": "kind"}},
            },
        },
        "days": {"date_histogram": {"field": "start.time", "fixed_interval": "1d", "min_doc_count": 1}},
        "colours": {"cardinality": {"field": "attributes.colour"}},
        "tracks": {"stats": {"field": "track_id"}},
    }
    for answer in ask(store, {"query": asked, "size": 0, "aggs": aggs}):
        found = answer["aggregations"]
        zones = {bucket["key"]: bucket for bucket in found["zones"]["buckets"]}
        assert {key: bucket["doc_count"] for key, bucket in zones.items()} == naive.counts(documents, "zone")
        for key, bucket in zones.items():
            inside = [each for each in documents if each["zone"] == key]
            assert bucket["score"]["max"] == max(each["score"] for each in inside)
            assert bucket["score"]["sum"] == pytest.approx(sum(each["score"] for each in inside))
            assert bucket["cameras"]["value"] == len({each["camera"] for each in inside})
            kinds = {each["key"]: each["doc_count"] for each in bucket["kinds"]["buckets"]}
            assert kinds == naive.counts(inside, "kind")
        days = naive.counts(
            [{"day": naive.ms(each["start"]["time"].removesuffix("Z")) // 86_400_000} for each in documents], "day"
        )
        assert {bucket["key"] // 86_400_000: bucket["doc_count"] for bucket in found["days"]["buckets"]} == days
        assert found["colours"]["value"] == len(naive.counts(documents, "attributes.colour"))
        tracks = [each["track_id"] for each in documents if each["track_id"] is not None]
        assert (found["tracks"]["count"], found["tracks"]["sum"]) == (len(tracks), sum(tracks))
