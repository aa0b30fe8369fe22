"""The text form for people."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.stores.query import QueryError, parse_search
from watchpost.stores.text import compile_text
from watchpost.stores.text.catalogue import KEYWORDS

SEOUL = timezone(timedelta(hours=9))
NOW_S = 1_777_613_400.0  # 2026-05-01 14:30 in Seoul


def compiled(text: str) -> dict[str, Any]:
    clause = compile_text(text, NOW_S, SEOUL)
    parse_search({"query": clause})
    return clause


def words(text: str, field: str = "text") -> dict[str, Any]:
    return {"match": {field: {"query": text, "operator": "and"}}}


def ends_from(time: str) -> dict[str, Any]:
    return {"range": {"end.time": {"gte": time}}}


def starts_before(time: str) -> dict[str, Any]:
    return {"range": {"start.time": {"lt": time}}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"match_all": {}}),
        ("person", words("person")),
        ('"red car"', words("red car")),
        ("camera:gate", words("gate", "camera.text")),
        ('camera:="Side gate"', {"term": {"camera": "Side gate"}}),
        ("Kind:Left", {"terms": {"kind": ["Left", "left"]}}),
        ("duration:>30s", {"range": {"duration_s": {"gt": 30.0}}}),
        ("duration:1min..2h", {"range": {"duration_s": {"gte": 60.0, "lte": 7200.0}}}),
        ("score:>=0.5", {"range": {"score": {"gte": 0.5}}}),
        ("track:12", {"term": {"track_id": 12}}),
        ("after:yesterday", ends_from("2026-04-29T15:00:00.000Z")),
        ("before:14:00", starts_before("2026-05-01T05:00:00.000Z")),
        ("since:2h", ends_from("2026-05-01T03:30:00.000Z")),
        ("until:2026-04-30T10:00:00Z", starts_before("2026-04-30T10:00:00.000Z")),
        (
            "on:2026-04-30",
            {"bool": {"must": [ends_from("2026-04-29T15:00:00.000Z"), starts_before("2026-04-30T15:00:00.000Z")]}},
        ),
        ("-kind:left", {"bool": {"must": [], "must_not": [{"terms": {"kind": ["left"]}}]}}),
        ("a or b", {"bool": {"should": [words("a"), words("b")], "minimum_should_match": 1}}),
        ("has:snapshot", {"term": {"has_snapshot": True}}),
        ("has:zone", {"exists": {"field": "zone"}}),
        ("attributes.direction:in", {"term": {"attributes.direction": "in"}}),
        ("attributes.count:>2", {"range": {"attributes.count": {"gt": 2}}}),
        ("gat*", {"bool": {"must": [{"prefix": {"text": {"value": "gat"}}}]}}),
        ("id:00ff", {"ids": {"values": ["00ff"]}}),
    ],
)
def test_what_it_means(text: str, expected: dict[str, Any]) -> None:
    assert compiled(text) == expected


@pytest.mark.parametrize(
    ("korean", "english"),
    [
        ("카메라:정문", "camera:정문"),
        ('구역:"옆 문" 이후:어제', 'zone:"옆 문" after:yesterday'),
        ("시간:>30초", "duration:>30s"),
        ("이후:2시간전", "after:2h"),
        ("이전:오늘 종류:떠남", "before:today kind:left"),
        ("제외 카메라:정문", "not camera:정문"),
        ("카메라:정문 또는 카메라:후문", "camera:정문 or camera:후문"),
    ],
)
def test_korean_means_the_same(korean: str, english: str) -> None:
    expected = json.dumps(compiled(english))
    found = json.dumps(compiled(korean))
    assert found.replace('["\\ub5a0\\ub0a8", "left"]', '["left"]') == expected


def test_korean_names_of_classes_find_the_english_ones() -> None:
    assert compiled("사람") == {"bool": {"should": [words("사람"), words("person")], "minimum_should_match": 1}}


def test_all_together() -> None:
    clause = compiled('person camera:gate zone:"side door" (car or dog) after:yesterday duration:>30s')
    assert len(clause["bool"]["must"]) == 6


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('zone:"side', "quotation"),
        ("(a", "opening parenthesis"),
        ("a)", "closing parenthesis"),
        ("colour:red", "there is no 'colour' to search by"),
        ("after:someday", "is no time"),
        ("duration:>fast", "is no duration"),
        ("score:high", "is no number"),
        ("camera:", "needs a value"),
        ("a or", "beside the or"),
        ("-", "no word|nothing follows"),
        ("%%%", "no word"),
        ("on:2h", "takes a day"),
        ("has:fun", "takes one of"),
        ("(" * 50 + "a" + ")" * 50, "8 deep"),
        ("x" * 2001, "2000 characters"),
        ("a " * 300, "200 parts"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, told: str) -> None:
    with pytest.raises(QueryError, match=told) as caught:
        compiled(text)
    assert "\n" not in str(caught.value)


pieces = st.sampled_from(
    [
        "person",
        "camera:",
        "카메라:정문",
        '"',
        "(",
        ")",
        "-",
        "or",
        "not",
        "또는",
        ":",
        ">",
        "..",
        "*",
        "after:",
        "30s",
        "어제",
        "duration:>",
        "attributes.",
        "\\",
        "score:1..2",
        "on:today",
        "�",
        "\x00",
        "gat*",
        "=",
        "1e999",
        "٣",
        "²",
    ]
)


@given(st.text() | st.lists(pieces, max_size=12).map("".join) | st.lists(pieces, max_size=12).map(" ".join))
def test_any_text_is_a_query_or_one_clear_error(text: str) -> None:
    try:
        clause = compile_text(text, NOW_S, SEOUL)
    except QueryError as error:
        said = error.reason
    else:
        said = "a query"
        parse_search({"query": clause})
    assert said
    assert "\n" not in said


def test_no_keyword_means_two_things() -> None:
    seen: dict[tuple[str, str], Any] = {}
    for file in KEYWORDS.glob("*.json"):
        for part, entries in json.loads(file.read_text(encoding="utf-8")).items():
            for word, meaning in entries.items():
                assert word == word.lower()
                assert seen.setdefault((part, word), meaning) == meaning, (file, word)
