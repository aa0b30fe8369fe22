"""Times and durations as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from watchpost.stores.query.errors import QueryError, illegal
from watchpost.stores.text.catalogue import catalogue


def duration_s(text: str) -> float:
    """`30`, `30s`, `2.5min`, `2h`, `30초`, `2시간` in seconds. Raises `QueryError`."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)\s*([^\W\d_]*)", text.strip())
    unit = None if match is None else catalogue().units.get(match[2].lower() or "s")
    if match is None or unit is None:
        raise illegal(f"{text[:64]!r} is no duration; write for instance 30s, 5min or 2h")
    return float(match[1]) * unit


def time_span(text: str, now_s: float, zone: tzinfo | None) -> tuple[datetime, datetime]:
    """Beginning and end of a time: a day for `yesterday` or a date, a minute for `14:30`; else both are one moment.

    `zone` is that of times that name none; `None` is this machine's. Raises `QueryError`.
    """
    word = text.strip().lower()
    try:
        now = datetime.fromtimestamp(now_s, zone).astimezone(zone)
        named = catalogue().times.get(word)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=zone)
        if named == "now":
            return now, now
        if named is not None:
            return _day(midnight - timedelta(days=named == "yesterday"), zone)
        if match := re.fullmatch(r"(\d{1,2}):(\d{2})", word):
            start = midnight.replace(hour=int(match[1]), minute=int(match[2]))
            return _aware(start, zone), _aware(start + timedelta(minutes=1), zone)
        ago = next((each for each, meant in catalogue().words.items() if meant == "ago" and word.endswith(each)), "")
        if re.fullmatch(r"\d+(\.\d+)?\s*[^\W\d_]+", bare := word.removesuffix(ago).strip()):
            moment = now - timedelta(seconds=duration_s(bare))
            return moment, moment
        date = datetime.fromisoformat(text.strip())
        start = _aware(date, zone) if date.tzinfo is None else date
        return _day(start, zone) if len(word) <= 10 else (start, start)
    except QueryError:
        raise
    except (ValueError, OverflowError, OSError):
        raise illegal(
            f"{text[:64]!r} is no time; write for instance 2h, today, yesterday, 14:30, 2026-05-01 or 2026-05-01T14:30"
        ) from None


def _day(start: datetime, zone: tzinfo | None) -> tuple[datetime, datetime]:
    naive = start.replace(tzinfo=None)
    return _aware(naive, zone), _aware(naive + timedelta(days=1), zone)


def _aware(moment: datetime, zone: tzinfo | None) -> datetime:
    """The moment on the clocks of the zone; its offset may differ from day to day."""
    naive = moment.replace(tzinfo=None)
    return naive.astimezone() if zone is None else naive.replace(tzinfo=zone)
