"""Dates as Elasticsearch reads them (`strict_date_optional_time||epoch_millis`), and its date math.

`2026-05-01T14:30:00+09:00`, `2026-05-01`, `2026-05`, `1777613400000`, `now-1d/d`, `2026-05-01||+1M/M`: see "Date math"
in Elasticsearch's documentation of common options, and "Missing date components" under the range query.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from watchpost.stores.query.errors import QueryError, illegal

_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2})?(?::(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?)?)?"
)
_MILLISECONDS: Final = re.compile(r"-?\d{5,16}")
_STEP: Final = re.compile(r"([+-])(\d{0,9})([yMwdhHms])|/([yMwdhHms])")
_UNIT_S: Final = {"w": 604_800, "d": 86_400, "h": 3600, "H": 3600, "m": 60, "s": 1}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_MAX_STEPS: Final = 16


def parse_date_ms(text: str | float, now_ms: int, *, rounds_up: bool = False, zone: tzinfo = UTC) -> int:
    """A date, number of milliseconds or date math as milliseconds since 1970-01-01 UTC.

    `rounds_up` takes the last millisecond of what is rounded or not written. `zone` is that of dates that name
    none and of rounding. Raises `QueryError` for what is no date.
    """
    if isinstance(text, int | float):
        if not abs(text) < 1e16:
            raise _no_date(text)
        return int(text)
    text = text.strip()
    try:
        if text.startswith("now"):
            moment, math = _from_ms(now_ms).astimezone(zone), text[3:]
        else:
            date, _, math = text.partition("||")
            moment = _moment(date, rounds_up=rounds_up and not math, zone=zone)
        return to_ms(_with_math(moment, math, rounds_up=rounds_up))
    except (ValueError, OverflowError):
        raise _no_date(text) from None


def parse_zone(name: str) -> tzinfo:
    """`Asia/Seoul`, `+09:00`, `Z` or `UTC`. Raises `QueryError` for what is no time zone."""
    if name in ("Z", "UTC"):
        return UTC
    match = re.fullmatch(r"([+-])(\d{1,2})(?::?(\d{2}))?", name)
    try:
        if match:
            offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
            return timezone(offset if match[1] == "+" else -offset)
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}", name):
            raise ValueError(name)
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise illegal(f"unknown time zone [{name[:64]}]") from None


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC, rounded down."""
    return (moment - _EPOCH) // _MS


def iso(milliseconds: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    try:
        return _from_ms(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return str(milliseconds)


def floor(moment: datetime, unit: str) -> datetime:
    """The beginning of the year, quarter, month, week (Monday), day, hour, minute or second (y q M w d h m s)."""
    if unit in "mhHs":
        return _floor_time(moment, unit)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "y":
        return day.replace(month=1, day=1)
    if unit == "q":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    if unit == "M":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if unit == "w" else day


def shift(moment: datetime, number: int, unit: str) -> datetime:
    """`number` units later; a day or more is a step of the calendar, less is a step of time."""
    if unit in "yqM":
        months = {"y": 12, "q": 3, "M": 1}[unit] * number + moment.month - 1
        year, month = moment.year + months // 12, months % 12 + 1
        last = (datetime(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
        return moment.replace(year=year, month=month, day=min(moment.day, last))
    step = timedelta(seconds=_UNIT_S[unit] * number)
    if unit in "wd":
        return moment + step
    return (moment.astimezone(UTC) + step).astimezone(moment.tzinfo)


def _floor_time(moment: datetime, unit: str) -> datetime:
    cut = {"microsecond": 0}
    if unit in "mhH":
        cut["second"] = 0
    if unit in "hH":
        cut["minute"] = 0
    return moment.replace(**cut)  # type: ignore[arg-type]


def _from_ms(milliseconds: int) -> datetime:
    return _EPOCH + milliseconds * _MS


def _moment(text: str, *, rounds_up: bool, zone: tzinfo) -> datetime:
    if _MILLISECONDS.fullmatch(text):
        return _from_ms(int(text)).astimezone(zone)
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    hour, minute, second = ("23", "59", "59") if rounds_up else ("0", "0", "0")
    fraction = (match[7] or ("999" if rounds_up else "0"))[:6].ljust(6, "0")
    return datetime(
        int(match[1]),
        int(match[2] or 1),
        int(match[3] or 1),
        int(match[4] or hour),
        int(match[5] or minute),
        int(match[6] or second),
        int(fraction),
        tzinfo=parse_zone(match[8]) if match[8] else zone,
    )


def _with_math(moment: datetime, math: str, *, rounds_up: bool) -> datetime:
    at = steps = 0
    while at < len(math):
        match = _STEP.match(math, at)
        steps += 1
        if match is None or steps > _MAX_STEPS:
            raise ValueError(math)
        at = match.end()
        if unit := match[4]:
            moment = floor(moment, unit)
            if rounds_up:
                moment = shift(moment, 1, unit) - _MS
        else:
            number = int(match[2] or 1)
            moment = shift(moment, number if match[1] == "+" else -number, match[3])
    return moment


def _no_date(text: object) -> QueryError:
    return QueryError(
        f"failed to parse date field [{str(text)[:64]}] with format [strict_date_optional_time||epoch_millis]",
        "parse_exception",
    )
