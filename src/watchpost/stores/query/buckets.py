"""Which bucket of a `date_histogram` a moment belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache

from watchpost.stores.query.aggregations import MAX_BUCKETS, Aggregation
from watchpost.stores.query.dates import floor, parse_zone, shift, to_ms
from watchpost.stores.query.errors import QueryError

_MINUTE_MS = 60_000


def bucket_ms(milliseconds: int, unit: str, interval_ms: int, zone: str) -> int:
    """The first millisecond of the bucket. Fixed intervals are counted from 1970-01-01 in the zone."""
    if interval_ms:
        offset = _offset_ms(milliseconds // _MINUTE_MS, zone)
        return (milliseconds + offset) // interval_ms * interval_ms - offset
    return _calendar_ms(milliseconds // _MINUTE_MS, unit, zone)  # no unit is finer than a minute


def between(first_ms: int, last_ms: int, aggregation: Aggregation) -> Iterator[int]:
    """The buckets from one to another, both included. Raises `QueryError` for too many."""
    at = first_ms
    for _ in range(MAX_BUCKETS + 1):
        if at > last_ms:
            return
        yield at
        at = _next(at, aggregation)
    raise too_many_buckets()


def too_many_buckets() -> QueryError:
    """What a histogram with more buckets than may be is answered."""
    return QueryError(
        f"Trying to create too many buckets. Must be less than or equal to: [{MAX_BUCKETS}].",
        "too_many_buckets_exception",
    )


def _next(at: int, aggregation: Aggregation) -> int:
    if aggregation.interval_ms:
        ahead = at + aggregation.interval_ms
    else:
        zone = parse_zone(aggregation.zone)
        moment = datetime.fromtimestamp(at / 1000, zone)
        ahead = to_ms(shift(moment, 1, aggregation.unit))
    found = bucket_ms(ahead, aggregation.unit, aggregation.interval_ms, aggregation.zone)
    return found if found > at else ahead  # where clocks go back, a bucket may seem to end where it began


@lru_cache(maxsize=65_536)
def _calendar_ms(minute: int, unit: str, zone: str) -> int:
    moment = datetime.fromtimestamp(minute * 60, parse_zone(zone))
    return to_ms(floor(moment, unit))


@lru_cache(maxsize=65_536)
def _offset_ms(minute: int, zone: str) -> int:
    moment = datetime.fromtimestamp(minute * 60, parse_zone(zone))
    return (moment.utcoffset() or timedelta()) // timedelta(milliseconds=1)
