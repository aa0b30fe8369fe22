"""Runs a search and answers in Elasticsearch's shape."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from watchpost.stores.embedded.aggregate import aggregate
from watchpost.stores.embedded.order import Order, make_order
from watchpost.stores.embedded.plan import Plan, make_plan
from watchpost.stores.embedded.scores import Scores
from watchpost.stores.embedded.sql import FALSE, Sql
from watchpost.stores.embedded.table import Row, Table
from watchpost.stores.query.highlight import asked_words, marked
from watchpost.stores.query.request import Search

_ONE_SHARD: Final = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
Load = Callable[[Sequence[int]], dict[int, Row]]
"""Keys to documents."""


def run_search(db: sqlite3.Connection, table: Table, load: Load, search: Search, now_ms: int) -> dict[str, Any]:
    """The answer to a search: `took`, `hits`, `aggregations`. Raises `QueryError` and `sqlite3.Error`."""
    started_s = time.perf_counter()
    plan = make_plan(search.query, table, now_ms)
    answer: dict[str, Any] = {"took": 0, "timed_out": False, "_shards": dict(_ONE_SHARD)}
    hits, greatest = _hits(db, table, load, search, plan, now_ms) if search.size else ([], None)
    answer["hits"] = {"max_score": greatest, "hits": hits}
    if search.total_up_to != 0:
        answer["hits"] = {"total": _total(db, plan, search, len(hits)), **answer["hits"]}
    if search.aggregations:
        answer["aggregations"] = {each.name: aggregate(db, table, plan, each) for each in search.aggregations}
    answer["took"] = int((time.perf_counter() - started_s) * 1000)
    return answer


def count_hits(db: sqlite3.Connection, table: Table, search: Search, now_ms: int) -> int:
    """How many documents fit."""
    plan = make_plan(search.query, table, now_ms)
    if plan.where == FALSE:
        return 0
    statement = f"SELECT count(*) FROM {plan.rows} WHERE {plan.where.text}"  # noqa: S608 - own names and marks
    return int(db.execute(statement, plan.where.values).fetchone()[0])


def keys_of(db: sqlite3.Connection, table: Table, search: Search, now_ms: int, limit: int) -> list[int]:
    """The keys of the first `limit` documents that fit, in no order."""
    plan = make_plan(search.query, table, now_ms)
    if plan.where == FALSE:
        return []
    statement = f"SELECT {plan.key} FROM {plan.rows} WHERE {plan.where.text} LIMIT {int(limit)}"  # noqa: S608
    return [int(row[0]) for row in db.execute(statement, plan.where.values)]


def _hits(
    db: sqlite3.Connection, table: Table, load: Load, search: Search, plan: Plan, now_ms: int
) -> tuple[list[dict[str, Any]], float | None]:
    scores = Scores(table, now_ms)
    score = scores.of(search.query) if search.needs_score else Sql("NULL")
    order = make_order(search, table, plan.key, score)
    if plan.where == FALSE:
        return [], None
    found = db.execute(*_statement(plan, search, scores, score, order)).fetchall()
    documents = load([row[0] for row in found])
    hits = []
    for key, points, *values in found:
        row = documents.get(key)
        if row is None:  # deleted between the two statements
            continue
        hit: dict[str, Any] = {"_index": row.index, "_id": row.id, "_score": points}
        if search.source.is_wanted:
            hit["_source"] = search.source.of(row.source)
        if search.sort:
            hit["sort"] = [each.shown(value) for each, value in zip(order.keys, values, strict=True)]
        if search.highlight is not None and (marks := _marks(search, table, row)):
            hit["highlight"] = marks
        hits.append(hit)
    greatest = max((hit["_score"] for hit in hits), default=None) if search.needs_score else None
    return hits, greatest


def _statement(plan: Plan, search: Search, scores: Scores, score: Sql, order: Order) -> tuple[str, tuple[Any, ...]]:
    where = plan.where if order.after is None else plan.and_where(order.after)
    tables = scores.tables(plan.bounds)
    columns = [Sql(plan.key), score, *(key.value for key in order.keys)]
    text = (
        f"{f'WITH {tables.text} ' if tables.text else ''}SELECT {', '.join(each.text for each in columns)}"  # noqa: S608
        f" FROM {plan.rows}{scores.joins()} WHERE {where.text} ORDER BY {order.text} LIMIT ? OFFSET ?"
    )
    values = (
        *tables.values,
        *(value for each in columns for value in each.values),
        *where.values,
        *order.values,
        search.size,
        search.offset,
    )
    return text, values


def _total(db: sqlite3.Connection, plan: Plan, search: Search, shown: int) -> dict[str, Any]:
    if plan.where == FALSE:
        return {"value": 0, "relation": "eq"}
    if 0 < shown < search.size and not search.offset and search.search_after is None:
        count = shown  # the first page holds them all
    else:
        limit = -1 if search.total_up_to is None else search.total_up_to + 1
        statement = f"SELECT count(*) FROM (SELECT 1 FROM {plan.rows} WHERE {plan.where.text} LIMIT ?)"  # noqa: S608
        count = int(db.execute(statement, (*plan.where.values, limit)).fetchone()[0])
    if search.total_up_to is not None and count > search.total_up_to:
        return {"value": search.total_up_to, "relation": "gte"}
    return {"value": count, "relation": "eq"}


def _marks(search: Search, table: Table, row: Row) -> dict[str, list[str]]:
    assert search.highlight is not None  # noqa: S101 - the caller has looked
    found = {}
    for field in search.highlight.fields:
        words = asked_words(search.query, field.name if field.needs_field_match else None)
        texts = texts_at(row.source, table.texts_of(field.name))
        if words and (pieces := marked(field, texts, words)):
            found[field.name] = pieces
    return found


def texts_at(source: Any, paths: Sequence[str]) -> list[str]:
    """The texts of a document at these dotted paths, and below them."""
    found: list[str] = []
    for path in paths:
        _collect(source, path, found)
    return found


def _collect(data: Any, path: str, found: list[str]) -> None:
    if isinstance(data, list):
        for item in data:
            _collect(item, path, found)
    elif isinstance(data, dict):
        if not path:
            for item in data.values():
                _collect(item, "", found)
        for name, value in data.items():
            if path == name:
                _collect(value, "", found)
            elif path.startswith(f"{name}."):
                _collect(value, path[len(name) + 1 :], found)
    elif not path and isinstance(data, str):
        found.append(data)
    elif not path and data is not None and not isinstance(data, bool):
        found.append(str(data))
