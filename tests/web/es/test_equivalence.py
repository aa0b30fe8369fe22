"""The same questions in words, in the query language and over the REST dialect, with the events they must find."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from watchpost.clock import ManualClock, SystemClock
from watchpost.runtime.live import LiveHub
from watchpost.stores import sqlite
from watchpost.stores.text import compile_text
from watchpost.types import Event, Moment
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

BASE_S = 1_767_225_600.0  # 2026-01-01 00:00 UTC
NOW_S = BASE_S + 32 * 3600

ROWS: list[tuple[Any, ...]] = [
    # camera, zone, kind, class, hour, lasts, attributes
    ("Side gate", None, "left", "person", 0, 5.0, {}),
    ("정문", "옆문", "appeared", "person", 1, 40.0, {"direction": "in"}),
    ("정문 주차장", "ramp", "crossed", "car", 2, 2.0, {"direction": "out", "count": 3}),
    ("yard", "side door", "dwelt", "dog", 3, 300.0, {"dwell_s": 300.0}),
    ("hall_2", None, "crowded", "person", 4, 0.0, {"count": 5, "armed": True}),
    ("Front yard", "fence", "entered", "person", 30, 10.0, {"note": "red umbrella"}),
]
ALL = {0, 1, 2, 3, 4, 5}


def match(field: str, text: str, **more: Any) -> dict[str, Any]:
    return {"match": {field: {"query": text, "operator": "and", **more}}}


def spans(field: str, **bounds: Any) -> dict[str, Any]:
    return {"range": {field: bounds}}


QUESTIONS: list[tuple[str | None, dict[str, Any], set[int]]] = [
    ("", {"match_all": {}}, ALL),
    ("person", match("text", "person"), {0, 1, 4, 5}),
    ("PERSON", match("text", "Person"), {0, 1, 4, 5}),
    ("사람", match("text", "person"), {0, 1, 4, 5}),
    ("yard", match("text", "yard"), {3, 5}),
    ("side", match("text", "side"), {0, 3}),
    ('"side door"', match("text", "side door"), {3}),
    ("side person", {"bool": {"must": [match("text", "side"), match("text", "person")]}}, {0}),
    ("정문", match("text", "정문"), {1, 2}),
    ("정문에", match("text", "정문에"), set()),
    ("문", match("text", "문"), {1, 2}),
    ("주차", match("text", "주차"), {2}),
    ("umbrella", match("text", "umbrella"), {5}),
    ("umbr*", {"prefix": {"text": "umbr"}}, {5}),
    ("nothing", match("text", "nothing"), set()),
    ("camera:yard", match("camera.text", "yard"), {3, 5}),
    ("camera:=yard", {"term": {"camera": "yard"}}, {3}),
    ('camera:="Side gate"', {"term": {"camera": {"value": "Side gate"}}}, {0}),
    ("카메라:정문", match("camera.text", "정문"), {1, 2}),
    ("camera:hall", match("camera.text", "HALL"), {4}),
    ('zone:"side door"', match("zone.text", "side door"), {3}),
    ("구역:옆문", match("zone.text", "옆문"), {1}),
    ("kind:left", {"term": {"kind": "left"}}, {0}),
    ("종류:떠남", {"term": {"kind": "left"}}, {0}),
    ("class:car", {"terms": {"class_name": ["car", "boat"]}}, {2}),
    ("대상:자동차", {"terms": {"class_name": ["car"]}}, {2}),
    ("-person", {"bool": {"must_not": [match("text", "person")]}}, {2, 3}),
    ("not person", {"bool": {"must_not": match("text", "person")}}, {2, 3}),
    ("car or dog", {"bool": {"should": [match("text", "car"), match("text", "dog")]}}, {2, 3}),
    ("자동차 또는 dog", {"match": {"text": "car dog"}}, {2, 3}),
    (
        "(car or dog) -kind:dwelt",
        {"bool": {"must": [{"terms": {"class_name": ["car", "dog"]}}], "must_not": [{"term": {"kind": "dwelt"}}]}},
        {2},
    ),
    (
        "person (yard or gate)",
        {
            "bool": {
                "must": [match("text", "person")],
                "should": [match("text", "yard"), match("text", "gate")],
                "minimum_should_match": 1,
            }
        },
        {0, 5},
    ),
    ("duration:>30s", spans("duration_s", gt=30), {1, 3}),
    ("duration:>=40s", spans("duration_s", gte=40), {1, 3}),
    ("duration:<5s", spans("duration_s", lt=5), {2, 4}),
    ("duration:5s..1min", spans("duration_s", gte=5, lte=60), {0, 1, 5}),
    ("시간:>30초", spans("duration_s", **{"from": 30, "include_lower": False}), {1, 3}),
    ("시간:>4분", spans("duration_s", gt=240), {3}),
    ("score:>0.5", spans("score", gt=0.5), {3, 4, 5}),
    ("track:4", {"term": {"track_id": 4}}, {4}),
    ("track:2..4", spans("track_id", **{"from": 2, "to": 4}), {2, 3, 4}),
    (f"id:{3:032x}", {"ids": {"values": [f"{3:032x}"]}}, {3}),
    ("on:today", {"bool": {"filter": [spans("end.time", gte="now/d"), spans("start.time", lt="now+1d/d")]}}, {5}),
    (
        "on:yesterday",
        {"bool": {"filter": [spans("end.time", gte="now-1d/d"), spans("start.time", lt="now/d")]}},
        {0, 1, 2, 3, 4},
    ),
    ("날짜:어제", spans("end.time", gte="2026-01-01", lte="2026-01-01"), {0, 1, 2, 3, 4}),
    ("after:3h", spans("end.time", gte="now-3h"), {5}),
    ("이후:3시간전", spans("end.time", gte="now-3h"), {5}),
    ("before:2026-01-01T02:00:00Z", spans("start.time", lt="2026-01-01T02:00:00Z"), {0, 1}),
    (
        "after:2026-01-01T03:00 before:2026-01-02",
        spans("end.time", gte="2026-01-01T03:00", lt="2026-01-02||/d"),
        {3, 4},
    ),
    ("이전:오늘", spans("start.time", lt="now/d"), {0, 1, 2, 3, 4}),
    ("has:zone", {"exists": {"field": "zone"}}, {1, 2, 3, 5}),
    ("-has:zone", {"bool": {"must_not": [{"exists": {"field": "zone"}}]}}, {0, 4}),
    ("있음:사진", {"term": {"has_snapshot": True}}, {1}),
    ("attributes.direction:in", {"term": {"attributes.direction": "in"}}, {1}),
    ("attributes.count:>3", spans("attributes.count", gt=3), {4}),
    ("attributes.count:3", {"term": {"attributes.count": "3"}}, {2}),
    ("attributes.armed:true", {"term": {"attributes.armed": True}}, {4}),
    ('attributes.note:"red umbrella"', {"term": {"attributes.note": "red umbrella"}}, {5}),
    (None, {"match_none": {}}, set()),
    (None, {"exists": {"field": "attributes.direction"}}, {1, 2}),
    (None, {"exists": {"field": "attributes"}}, {1, 2, 3, 4, 5}),
    (None, {"exists": {"field": "nothing"}}, set()),
    (None, {"prefix": {"camera": "정문"}}, {1, 2}),
    (None, {"prefix": {"camera": {"value": "side", "case_insensitive": True}}}, {0}),
    (None, {"wildcard": {"camera": "*ar?"}}, {3, 5}),
    (None, {"wildcard": {"camera": {"value": "F*D", "case_insensitive": True}}}, {5}),
    (None, {"wildcard": {"camera": r"hall\_?"}}, {4}),
    (None, {"term": {"camera": "gate"}}, set()),
    (None, {"term": {"camera": {"value": "YARD", "case_insensitive": True}}}, {3}),
    (None, {"terms": {"track_id": [1, 5, 99]}}, {1, 5}),
    (None, {"match": {"camera": "yard"}}, {3}),
    (None, {"match": {"text": {"query": "side yard dog", "minimum_should_match": 2}}}, {3}),
    (None, {"match": {"text": {"query": "side yard dog", "minimum_should_match": "-1"}}}, {3}),
    (None, {"multi_match": {"query": "side", "fields": ["camera.text", "zone.text^2"]}}, {0, 3}),
    (None, {"multi_match": {"query": "door", "fields": ["camera.text"]}}, set()),
    (None, spans("camera", gte="a", lt="z"), {3, 4}),
    (None, spans("start.wall_time_s", gte=BASE_S + 7200), {2, 3, 4, 5}),
    (None, spans("end.time", gt="2026-01-01||/d"), {5}),
    (None, spans("end.time", gte=int((BASE_S + 3 * 3600) * 1000)), {3, 4, 5}),
    (None, spans("start.time", gte="2026-01-01T10:00", time_zone="+09:00"), {1, 2, 3, 4, 5}),
    (None, spans("start.time", lte="2026-01"), {0, 1, 2, 3, 4}),
    (None, {"bool": {}}, ALL),
    (
        None,
        {"bool": {"should": [{"term": {"kind": "left"}}, {"term": {"kind": "dwelt"}}], "must": [{"match_all": {}}]}},
        ALL,
    ),
    (
        None,
        {
            "bool": {
                "should": [match("text", "side"), match("text", "door"), match("text", "dog")],
                "minimum_should_match": 2,
            }
        },
        {3},
    ),
    (None, {"bool": {"should": [{"match_all": {}}], "minimum_should_match": 2}}, set()),
    (None, {"bool": {"filter": [{"bool": {"must_not": [{"bool": {"must_not": [{"term": {"kind": "left"}}]}}]}}]}}, {0}),
    (None, {"ids": {"values": []}}, set()),
    (None, {"terms": {"camera": []}}, set()),
]


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[sqlite.SqliteStore, httpx.Client]]:
    folder: Path = tmp_path_factory.mktemp("equivalence")
    store = sqlite.create(sqlite.Options(path=folder / "events.db"), ManualClock(NOW_S))
    events = []
    for number, (camera, zone, kind, name, hour, lasts_s, attributes) in enumerate(ROWS):
        start, end = Moment(0.0, BASE_S + hour * 3600), Moment(lasts_s, BASE_S + hour * 3600 + lasts_s)
        snapshot = b"jpg" if number == 1 else None
        identity = f"{number:032x}", camera, "who", kind, name, number
        events.append(Event(*identity, start, end, number / 5, None, zone, attributes, snapshot))
    store.add(events)
    server = WebServer(create_app(Services(LiveHub(SystemClock()), store=lambda: store)), port=0)
    with httpx.Client(base_url=f"{server.start()}es") as http:
        yield store, http
    server.stop()
    store.close()


def found(answer: dict[str, Any]) -> set[int]:
    return {hit["_source"]["track_id"] for hit in answer["hits"]["hits"]}


@pytest.mark.parametrize(("text", "query", "expected"), QUESTIONS, ids=lambda value: str(value)[:40])
def test_all_ways_find_the_same(
    ways: tuple[sqlite.SqliteStore, httpx.Client], text: str | None, query: dict[str, Any], expected: set[int]
) -> None:
    store, http = ways
    for sort in ({}, {"sort": [{"end.time": "desc"}]}):
        assert found(store.query({"query": query, **sort})) == expected
        assert found(http.post("/events/_search", json={"query": query, **sort}).json()) == expected
    assert http.post("/events/_count", json={"query": query}).json()["count"] == len(expected)
    if text is not None:
        assert found(store.query({"query": compile_text(text, NOW_S, UTC)})) == expected
