"""Runs aggregations: one statement for each, and one for each of those below it over all buckets at once."""

from __future__ import annotations

import sqlite3
from typing import Any

from watchpost.stores.embedded.plan import Plan
from watchpost.stores.embedded.sql import FALSE, Sql
from watchpost.stores.embedded.table import Field, Table
from watchpost.stores.query.aggregations import MAX_BUCKETS, Aggregation
from watchpost.stores.query.buckets import between, too_many_buckets
from watchpost.stores.query.dates import iso
from watchpost.stores.query.errors import illegal

_EMPTY_STATS: dict[str, Any] = {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0}
_TYPES: dict[str, tuple[str, ...]] = {
    "stats": ("long", "double", "date", "boolean", "any"),
    "date_histogram": ("date",),
    "histogram": ("long", "double"),
}
"""What the fields of some aggregations must be."""


def aggregate(db: sqlite3.Connection, table: Table, plan: Plan, wanted: Aggregation) -> dict[str, Any]:
    """The result of one aggregation over the rows of a plan. Raises `QueryError` and `sqlite3.Error`."""
    field = _field(table, wanted)
    below = {each.name: (each, _field(table, each)) for each in wanted.below}
    if field is None or plan.where == FALSE:
        return _nothing(wanted)
    if not wanted.makes_buckets:
        return _figures(db, table, plan, wanted, field, None).get(None) or _nothing(wanted)
    counts = _counts(db, table, plan, wanted, field)
    chosen, others = _chosen(wanted, counts)
    inner = {
        name: {} if own is None else _figures(db, table, plan, each, own, (wanted, field))
        for name, (each, own) in below.items()
    }
    buckets = []
    for value in chosen:
        bucket = _bucket(wanted, field, value, counts.get(value, 0))
        for name, results in inner.items():
            bucket[name] = results.get(value) or _nothing(below[name][0])
        buckets.append(bucket)
    if wanted.kind != "terms":
        return {"buckets": buckets}
    return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": others, "buckets": buckets}


def _figures(
    db: sqlite3.Connection,
    table: Table,
    plan: Plan,
    wanted: Aggregation,
    field: Field,
    outer: tuple[Aggregation, Field] | None,
) -> dict[Any, dict[str, Any]]:
    """The results of an aggregation for each bucket of the one above it; without one, under `None`."""
    joins, value = table.joined(field, "inner_values")
    value = bucket_sql(wanted, value)
    group, outer_join, outer_value = "NULL", Sql(""), ""
    if outer is not None:
        outer_join, outer_value = table.joined(outer[1], "outer_values")
        group = bucket_sql(outer[0], outer_value)
    source = f"{plan.rows}{outer_join.text}{joins.text} WHERE {plan.where.text} AND {value} IS NOT NULL"
    values = (*outer_join.values, *joins.values, *plan.where.values)
    if wanted.kind == "stats":
        return _stats(db, group, value, source, values, field)
    if wanted.kind == "cardinality":
        rows = db.execute(f"SELECT {group}, count(DISTINCT {value}) FROM {source} GROUP BY 1", values)  # noqa: S608
        return {bucket: {"value": count} for bucket, count in rows}
    counts: dict[Any, dict[Any, int]] = {}
    slot = None if outer is None or outer_join.text or joins.text else slot_sql(outer[0], outer_value)
    if slot and outer is not None:
        statement = (
            f"SELECT {bucket_sql(outer[0], 'place')}, inside, sum(number) FROM (SELECT {slot} AS place,"  # noqa: S608
            f" {value} AS inside, count(*) AS number FROM {source} GROUP BY 1, 2) GROUP BY 1, 2"
        )
    else:
        counted = f"count(DISTINCT {table.key})" if outer_join.text or joins.text else "count(*)"
        statement = f"SELECT {group}, {value}, {counted} FROM {source} GROUP BY 1, 2"  # noqa: S608
    rows = db.execute(statement, values)
    for bucket, inner, count in rows:
        counts.setdefault(bucket, {})[inner] = count
    results = {}
    for bucket, found in counts.items():
        chosen, others = _chosen(wanted, found)
        buckets = [_bucket(wanted, field, each, found.get(each, 0)) for each in chosen]
        results[bucket] = _nothing(wanted) | {"buckets": buckets}
        if wanted.kind == "terms":
            results[bucket]["sum_other_doc_count"] = others
    return results


def _stats(
    db: sqlite3.Connection, group: str, value: str, source: str, values: tuple[Any, ...], field: Field
) -> dict[Any, dict[str, Any]]:
    rows = db.execute(
        f"SELECT {group}, count({value}), min({value}), max({value}), avg({value}), total({value})"  # noqa: S608
        f" FROM {source} GROUP BY 1",
        values,
    )
    found = {}
    for bucket, count, least, greatest, mean, total in rows:
        stats: dict[str, Any] = {
            "count": count,
            "min": float(least),
            "max": float(greatest),
            "avg": float(mean),
            "sum": total,
        }
        if field.type == "date":
            names = ("min", "max", "avg", "sum")
            stats |= {f"{name}_as_string": iso(int(stats[name])) for name in names}
        found[bucket] = stats
    return found


def _counts(db: sqlite3.Connection, table: Table, plan: Plan, wanted: Aggregation, field: Field) -> dict[Any, int]:
    joins, value = table.joined(field, "outer_values")
    counted = f"count(DISTINCT {table.key})" if joins.text else "count(*)"
    slot = None if joins.text else slot_sql(wanted, value)
    group = slot or bucket_sql(wanted, value)
    statement = (
        f"SELECT {group} AS place, {counted} AS number FROM {plan.rows}{joins.text}"  # noqa: S608 - own names and marks
        f" WHERE {plan.where.text} AND {value} IS NOT NULL GROUP BY 1"
    )
    if slot:
        statement = f"SELECT {bucket_sql(wanted, 'place')}, sum(number) FROM ({statement}) GROUP BY 1"  # noqa: S608
    return dict(db.execute(statement, (*joins.values, *plan.where.values)).fetchall())


def _chosen(wanted: Aggregation, counts: dict[Any, int]) -> tuple[list[Any], int]:
    """The buckets to show, in their order, and how many documents are in those left out."""
    if wanted.kind != "terms":
        values = sorted(counts)
        if wanted.least_count == 0 and values:
            values = _without_holes(wanted, values[0], values[-1])
        else:
            values = [value for value in values if counts[value] >= wanted.least_count]
    else:
        values = sorted((value for value in counts if counts[value] >= wanted.least_count), key=_place)
    if wanted.order_by == "_count":
        values.sort(key=lambda value: counts.get(value, 0), reverse=not wanted.is_ascending)
    elif not wanted.is_ascending:
        values.reverse()
    shown = values[: wanted.size]
    return shown, sum(counts.get(value, 0) for value in values[wanted.size :])


def _without_holes(wanted: Aggregation, first: int, last: int) -> list[int]:
    if wanted.kind == "date_histogram":
        return list(between(first, last, wanted))
    if last - first >= MAX_BUCKETS:
        raise too_many_buckets()
    return list(range(first, last + 1))


def _place(value: Any) -> tuple[bool, Any]:
    """Numbers before texts, each in their own order; texts by code point, as SQLite and Elasticsearch have them."""
    return isinstance(value, str), value


def _bucket(wanted: Aggregation, field: Field, value: Any, count: int) -> dict[str, Any]:
    bucket: dict[str, Any] = {"key": value, "doc_count": count}
    if wanted.kind == "histogram":
        bucket["key"] = value * wanted.interval
    elif field.type == "date":
        bucket = {"key_as_string": iso(value), **bucket}
    elif field.type == "boolean":
        bucket = {"key": value, "key_as_string": "true" if value else "false", "doc_count": count}
    return bucket


def _nothing(wanted: Aggregation) -> dict[str, Any]:
    if wanted.kind == "stats":
        return dict(_EMPTY_STATS)
    if wanted.kind == "cardinality":
        return {"value": 0}
    if wanted.kind != "terms":
        return {"buckets": []}
    return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": []}


def _field(table: Table, wanted: Aggregation) -> Field | None:
    field = table.field(wanted.field)
    if field is None:
        return None
    if field.type == "text":
        raise illegal(f"Fielddata is disabled on [{wanted.field}]: text fields can not be aggregated; take a keyword.")
    types = _TYPES.get(wanted.kind)
    if types is not None and field.type not in types:
        raise illegal(f"Field [{wanted.field}] of type [{field.type}] is not supported for aggregation [{wanted.kind}]")
    return field


def bucket_sql(wanted: Aggregation, value: str) -> str:
    """The SQL of the bucket of a value; unit, interval and zone were checked when they were read."""
    if wanted.kind == "histogram":  # rounded down, also below 0
        number = f"({value} / {wanted.interval!r})"
        return f"(CAST({number} AS INTEGER) - ({number} < CAST({number} AS INTEGER)))"
    if wanted.kind != "date_histogram":
        return value
    return f"date_bucket({value}, '{wanted.unit}', {wanted.interval_ms}, '{wanted.zone}')"


def slot_sql(wanted: Aggregation, value: str) -> str | None:
    """The SQL of a fine time grid in which each slot lies in one bucket, `None` where there is none.

    SQLite counts by it at its own speed; only the slots are then asked for their bucket, in Python. All time zones
    have been whole quarters of an hour apart since 1972.
    """
    if wanted.kind != "date_histogram":
        return None
    for slot_ms in (900_000, 60_000):
        is_whole = wanted.interval_ms % slot_ms == 0 if wanted.interval_ms else wanted.unit != "m" or slot_ms == 60_000
        if is_whole:
            return f"({value} - (({value} % {slot_ms}) + {slot_ms}) % {slot_ms})"
    return None
