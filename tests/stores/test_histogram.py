"""Histograms over numbers, as Elasticsearch has them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes import event
from watchpost.stores import sqlite
from watchpost.stores._event_document import event_mapping, to_document
from watchpost.stores.embedded.indices import Action
from watchpost.stores.query import parse_search
from watchpost.stores.query.errors import QueryError
from watchpost.types import Event, Moment

DURATIONS_S = [0.0, 0.2, 0.49, 0.5, 3.0, 3.2, 3.2, 12.75, 100.0]


def stayed(number: int, seconds: float) -> Event:
    start, end = Moment(10.0, 1000.0 + number), Moment(10.0 + seconds, 1000.0 + number + seconds)
    return replace(event(), start=start, end=end, zone="door" if number % 2 else "yard", score=-1.25)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[sqlite.SqliteStore]:
    opened = sqlite.create(sqlite.Options(path=tmp_path / "events.db"))
    events = [stayed(*each) for each in enumerate(DURATIONS_S)]
    opened.add(events)
    opened.indices.create("copy", {}, event_mapping())
    opened.indices.bulk([Action("index", "copy", each.id, to_document(each)) for each in events])
    yield opened
    opened.close()


def ask(store: sqlite.SqliteStore, aggs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    body = {"size": 0, "aggs": aggs}
    yield store.query(body)["aggregations"]
    yield store.indices.search("copy", parse_search(body))["aggregations"]


@pytest.mark.parametrize("interval", [0.5, 1, 10])
def test_each_value_is_in_the_bucket_below_it(store: sqlite.SqliteStore, interval: float) -> None:
    expected = Counter(math.floor(each / interval) * interval for each in DURATIONS_S)
    for answer in ask(
        store, {"stays": {"histogram": {"field": "duration_s", "interval": interval, "min_doc_count": 1}}}
    ):
        buckets = answer["stays"]["buckets"]
        assert [(each["key"], each["doc_count"]) for each in buckets] == sorted(expected.items())


def test_holes_are_filled_unless_they_are_not_wanted(store: sqlite.SqliteStore) -> None:
    for answer in ask(store, {"stays": {"histogram": {"field": "duration_s", "interval": 50}}}):
        assert [(each["key"], each["doc_count"]) for each in answer["stays"]["buckets"]] == [(0, 8), (50, 0), (100, 1)]


def test_numbers_below_zero_are_rounded_down(store: sqlite.SqliteStore) -> None:
    for answer in ask(store, {"scores": {"histogram": {"field": "score", "interval": 0.5}}}):
        assert answer["scores"]["buckets"] == [{"key": -1.5, "doc_count": 9}]


def test_below_names_there_is_one_for_each(store: sqlite.SqliteStore) -> None:
    inner = {"histogram": {"field": "duration_s", "interval": 1, "min_doc_count": 1}}
    for answer in ask(store, {"zones": {"terms": {"field": "zone"}, "aggs": {"stays": inner}}}):
        found = {
            zone["key"]: {each["key"]: each["doc_count"] for each in zone["stays"]["buckets"]}
            for zone in answer["zones"]["buckets"]
        }
        assert found == {
            "yard": Counter(float(math.floor(each)) for each in DURATIONS_S[::2]),
            "door": Counter(float(math.floor(each)) for each in DURATIONS_S[1::2]),
        }


@pytest.mark.parametrize(
    ("histogram", "reason"),
    [
        ({"field": "duration_s"}, "interval"),
        ({"field": "duration_s", "interval": 0}, "interval"),
        ({"field": "duration_s", "interval": True}, "interval"),
        ({"field": "duration_s", "interval": "1"}, "interval"),
        ({"field": "camera", "interval": 1}, "not supported"),
        ({"field": "duration_s", "interval": 1, "offset": 2}, "offset"),
        ({"field": "duration_s", "interval": 1e-6}, "too many buckets"),
    ],
)
def test_what_is_wrong_is_named(store: sqlite.SqliteStore, histogram: dict[str, Any], reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        store.query({"size": 0, "aggs": {"stays": {"histogram": histogram}}})
