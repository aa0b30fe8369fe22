"""CSV that spreadsheets read and do not run."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from fakes import event
from watchpost.event_json import event_to_json
from watchpost.web.event_table import COLUMNS, csv_lines


def table(*events: object, **options: bool) -> str:
    return "".join(csv_lines([event_to_json(each) for each in events], UTC, **options))  # type: ignore[arg-type]


def test_rows_come_back_as_they_were() -> None:
    odd = replace(event(camera='gate "1", left\nwing'), zone="옆문", attributes={"direction": "in", "count_in": 3})
    text = table(odd, event())
    assert text.count("\r\n") == 3
    header, first, second = csv.reader(io.StringIO(text, newline=""))
    assert tuple(header) == COLUMNS
    row = dict(zip(header, first, strict=True))
    assert row["camera"] == 'gate "1", left\nwing'
    assert row["start"] == "1970-01-01T00:16:40.000+00:00"
    assert (row["zone"], row["attributes"]) == ("옆문", '{"direction": "in", "count_in": 3}')
    assert [row[edge] for edge in ("left", "top", "right", "bottom")] == ["0.0", "0.0", "1.0", "1.0"]
    assert dict(zip(header, second, strict=True))["attributes"] == ""


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_what_a_spreadsheet_would_run_begins_with_an_apostrophe(sign: str) -> None:
    evil = f'{sign}HYPERLINK("http://x")'
    (_, row) = csv.reader(io.StringIO(table(replace(event(camera=evil), zone=evil)), newline=""))
    assert row[COLUMNS.index("camera")] == f"'{evil}"
    assert row[COLUMNS.index("zone")] == f"'{evil}"


def test_times_are_in_the_zone_and_a_mark_is_there_when_wished() -> None:
    lines = list(csv_lines([event_to_json(event())], ZoneInfo("Asia/Seoul"), has_bom=True))
    assert lines[0].startswith("\ufeffid,")
    assert "1970-01-01T09:16:40.000+09:00" in lines[1]
    without = event_to_json(replace(event(), box=None))
    (_, line) = csv_lines([without], UTC)
    assert line.rstrip("\r\n").endswith(",,,,,")
