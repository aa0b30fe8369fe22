"""Which events somebody asks for over HTTP, as a search in the query language: never more than the user may see."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo
from typing import Annotated, Any, Final

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field

from watchpost.stores.query.dates import parse_zone
from watchpost.stores.query.errors import QueryError
from watchpost.stores.text import compile_text
from watchpost.web.access import User

Clause = dict[str, Any]
WallTime = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
"""Seconds since 1970-01-01 UTC."""
Names = Annotated[list[Annotated[str, Field(max_length=256)]], Field(max_length=64)]
Zone = Annotated[str, Field(max_length=64)]
_ORDER: Final = {"newest": "desc", "oldest": "asc"}


class Question(BaseModel):
    """All that is given must hold; of several names in one list, any."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, Field(max_length=1000)] = ""
    """The text form: `person camera:gate after:yesterday`, in English or Korean."""
    camera: Names = []
    kind: Names = []
    class_name: Names = []
    zone: Names = []
    """Of zones and lines."""
    since: WallTime | None = None
    """Events that ended then or later."""
    until: WallTime | None = None
    """Events that started before."""
    tz: Zone = "UTC"
    """The time zone of times in `q` and of days: `Asia/Seoul`, `+09:00`."""

    @property
    def time_zone(self) -> tzinfo:
        """The zone. Raises `QueryError` for one that is not known."""
        return parse_zone(self.tz)

    def clauses(self, user: User, now_s: float) -> list[Clause]:
        """What must hold of each event, for a `filter`. Raises `QueryError`."""
        zone, found = self.time_zone, list[Clause]()
        for field, wanted in (
            ("camera", self.camera),
            ("kind", self.kind),
            ("class_name", self.class_name),
            ("zone", self.zone),
        ):
            if wanted:
                found.append({"terms": {field: wanted}})
        if user.cameras is not None:
            found.append({"terms": {"camera": sorted(user.cameras)}})
        if self.since is not None:
            found.append({"range": {"end.wall_time_s": {"gte": self.since}}})
        if self.until is not None:
            found.append({"range": {"start.wall_time_s": {"lt": self.until}}})
        if self.q.strip():
            found.append(compile_text(self.q, now_s, zone))
        return found


def search_body(clauses: list[Clause], order: str = "newest", after: str | None = None) -> dict[str, Any]:
    """A search for pages of events by their end, `order` newest or oldest first; `after` is where the last one ended.

    Raises `QueryError` for a cursor that is none.
    """
    direction = _ORDER[order]
    body: dict[str, Any] = {
        "query": {"bool": {"filter": clauses}},
        "sort": [{"end.time": direction}, {"_doc": direction}],
        "track_total_hits": False,
    }
    if after is not None:
        body["search_after"] = read_cursor(after)
    return body


def cursor(sort: list[Any]) -> str:
    """Where a page ended, as a text for the next request."""
    return base64.urlsafe_b64encode(json.dumps(sort, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(text: str) -> list[Any]:
    """What `cursor` was given. Raises `QueryError` for anything else."""
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        values = None
    if not isinstance(values, list) or len(values) != 2 or not all(type(each) is int for each in values):
        raise QueryError("the page after this is not known; begin again with the first", "illegal_argument_exception")
    return values


@contextmanager
def refusals() -> Iterator[None]:
    """Answer questions that are wrong with what is wrong about them."""
    try:
        yield
    except QueryError as error:
        raise HTTPException(error.status, error.reason) from None
