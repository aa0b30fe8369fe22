"""Dates and date math, held against examples of Elasticsearch's documentation."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.stores.query import QueryError
from watchpost.stores.query.dates import iso, parse_date_ms, parse_zone

NOW_MS = int(datetime(2001, 1, 1, 12, 0, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "rounds_up", "expected"),
    [
        ("now+1h", False, "2001-01-01T13:00:00.000Z"),
        ("now-1h", False, "2001-01-01T11:00:00.000Z"),
        ("now-1h/d", False, "2001-01-01T00:00:00.000Z"),
        ("2001.02.01", False, None),
        ("2001-02-01||+1M/d", False, "2001-03-01T00:00:00.000Z"),
        ("2014-11-18||/M", False, "2014-11-01T00:00:00.000Z"),
        ("2014-11-18||/M", True, "2014-11-30T23:59:59.999Z"),
        ("2099-12", True, "2099-12-01T23:59:59.999Z"),
        ("2099-12", False, "2099-12-01T00:00:00.000Z"),
        ("2026-05-01T14:30:00+09:00", False, "2026-05-01T05:30:00.000Z"),
        ("2026-05-01T14", True, "2026-05-01T14:59:59.999Z"),
        ("2026-05-01T14:30:00.1234", False, "2026-05-01T14:30:00.123Z"),
        ("1777613400000", False, "2026-05-01T05:30:00.000Z"),
        ("2024-02-29||+1y", False, "2025-02-28T00:00:00.000Z"),
        ("2026-01-31||+1M", False, "2026-02-28T00:00:00.000Z"),
        ("2026-05-06||/w", False, "2026-05-04T00:00:00.000Z"),
        ("yesterday", False, None),
        ("now-1x", False, None),
        ("now+", False, None),
        ("2026-13-01", False, None),
        ("now" + "+1d" * 20, False, None),
        ("now-999999999y", False, None),
        ("9" * 16, False, None),
    ],
)
def test_dates(text: str, rounds_up: bool, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(QueryError):
            parse_date_ms(text, NOW_MS, rounds_up=rounds_up)
    else:
        assert iso(parse_date_ms(text, NOW_MS, rounds_up=rounds_up)) == expected


def test_a_zone_moves_what_names_none_and_what_is_rounded() -> None:
    seoul = parse_zone("Asia/Seoul")
    assert iso(parse_date_ms("2026-05-01", NOW_MS, zone=seoul)) == "2026-04-30T15:00:00.000Z"
    assert iso(parse_date_ms("now/d", NOW_MS, zone=seoul)) == "2000-12-31T15:00:00.000Z"
    assert parse_zone("+09:00").utcoffset(None) == seoul.utcoffset(datetime(2026, 1, 1))
    for name in ("Mars/Olympus", "../../etc/passwd", "+99:00", "x" * 100):
        with pytest.raises(QueryError):
            parse_zone(name)


@given(st.text(max_size=30) | st.from_regex(r"now([+-]\d{0,4}[yMwdhms]|/[yMwdhms]){0,4}", fullmatch=True))
def test_any_text_is_a_date_or_an_error(text: str) -> None:
    try:
        found = parse_date_ms(text, NOW_MS)
    except QueryError:
        return
    assert isinstance(found, int)
