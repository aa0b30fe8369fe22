"""Events as rows of a table, for spreadsheets: CSV by RFC 4180, safe to open."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any, Final

BOM: Final = "\ufeff"
"""Tells Excel that a file is UTF-8."""
COLUMNS: Final = (
    *("id", "camera", "rule", "kind", "class_name", "track_id", "start", "end", "duration_s", "score", "zone"),
    *("left", "top", "right", "bottom", "attributes"),
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What spreadsheets take for the beginning of a formula (OWASP, "CSV Injection")."""


def csv_lines(documents: Iterable[Mapping[str, Any]], zone: tzinfo, *, has_bom: bool = False) -> Iterator[str]:
    """The header and a line for each event, each with its CRLF (RFC 4180, section 2); times in `zone`, with its offset.

    A text that a spreadsheet would run as a formula begins with an apostrophe instead.
    """
    yield (BOM if has_bom else "") + _line(COLUMNS)
    for document in documents:
        yield _line(_cells(document, zone))


def _cells(document: Mapping[str, Any], zone: tzinfo) -> Iterator[Any]:
    for name in ("id", "camera", "rule", "kind", "class_name"):
        yield _text(document[name])
    yield document["track_id"]
    for name in ("start", "end"):
        yield datetime.fromtimestamp(document[name]["wall_time_s"], zone).isoformat(timespec="milliseconds")
    yield round(document["end"]["camera_time_s"] - document["start"]["camera_time_s"], 3)
    yield document["score"]
    yield _text(document["zone"] or "")
    yield from document["box"] or ("", "", "", "")
    yield _text(json.dumps(document["attributes"], ensure_ascii=False) if document["attributes"] else "")


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value


def _line(cells: Iterable[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
