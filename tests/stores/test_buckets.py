"""Date histograms by the calendar of a time zone, over a change of the clocks."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from watchpost.stores import sqlite
from watchpost.types import Event, Moment

START = datetime(2026, 3, 27, tzinfo=ZoneInfo("UTC"))  # Berlin's clocks go forward on the 29th


def event(number: int) -> Event:
    moment = Moment(0.0, START.timestamp() + number * 1000.5)
    kind = "left" if number % 3 else "appeared"
    return Event(f"{number:x}", "gate", "who", kind, "person", 1, moment, moment, 0.5, None)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("buckets")
    store = sqlite.create(sqlite.Options(path=folder / "events.db"))
    store.add([event(number) for number in range(400)])
    yield store
    store.close()


def expected(zone: str, text_form: str) -> Counter[str]:
    moments = (START + timedelta(seconds=number * 1000.5) for number in range(400))
    return Counter(moment.astimezone(ZoneInfo(zone)).strftime(text_form) for moment in moments)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Seoul", "Asia/Kathmandu"])
@pytest.mark.parametrize(
    ("interval", "text_form"), [("day", "%Y-%m-%d"), ("hour", "%Y-%m-%d %H"), ("month", "%Y-%m"), ("week", "%G-%V")]
)
def test_buckets_of_the_calendar(store: sqlite.SqliteStore, zone: str, interval: str, text_form: str) -> None:
    histogram = {"field": "end.time", "calendar_interval": interval, "time_zone": zone}
    aggs = {"times": {"date_histogram": histogram, "aggs": {"kinds": {"terms": {"field": "kind"}}}}}
    buckets = store.query({"size": 0, "aggs": aggs})["aggregations"]["times"]["buckets"]
    found: Counter[str] = Counter()
    for bucket in buckets:
        name = datetime.fromtimestamp(bucket["key"] / 1000, ZoneInfo(zone)).strftime(text_form)
        found[name] += bucket["doc_count"]
        assert sum(each["doc_count"] for each in bucket["kinds"]["buckets"]) == bucket["doc_count"]
    assert +found == expected(zone, text_form)


def test_empty_buckets_are_there_unless_they_are_not_wanted(store: sqlite.SqliteStore) -> None:
    query = {"bool": {"should": [{"ids": {"values": ["0", "18f"]}}]}}  # the first and the last
    histogram = {"field": "end.time", "fixed_interval": "1d"}
    for least, count in ((0, 5), (1, 2)):
        aggs = {"days": {"date_histogram": histogram | {"min_doc_count": least}}}
        buckets = store.query({"query": query, "size": 0, "aggs": aggs})["aggregations"]["days"]["buckets"]
        assert len(buckets) == count
