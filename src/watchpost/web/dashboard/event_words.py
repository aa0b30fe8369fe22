"""An event in the reader's words: what, where, when on the clocks at the camera."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from watchpost.web.texts import catalogue

_AT_ONCE: Final = timedelta(seconds=0.1)
Event = Mapping[str, Any]
"""As `event_to_json` writes it."""


class EventWords:
    """Words for events in one language. `zone_of` knows the time zone of a camera."""

    def __init__(self, language: str, zone_of: Callable[[str], tzinfo], now_s: Callable[[], float]) -> None:
        self._language = language
        self._texts = catalogue(language)
        self.zone_of = zone_of
        self._now_s = now_s

    def what(self, event: Event) -> str:
        """`Person #7 entered`."""
        who = self.class_name(event["class_name"])
        if event["track_id"] is not None:
            who = f"{who} #{event['track_id']}"
        form = self._texts.get(f"kind.{event['kind']}")
        return form.format(who=who) if form else f"{who} {event['kind']}"

    def class_name(self, name: str) -> str:
        """`Person` for `person`; a class that has no words keeps its own."""
        return class_name(self._language, name)

    def kind(self, kind: str) -> str:
        """What a kind of event is called by itself: `entered`."""
        return self._texts.get(f"kind.{kind}", "{who} " + kind).format(who="…")

    def where(self, event: Event) -> str:
        """Zone, what the kind adds, and camera: `side door · inward · gate`."""
        parts = [event["zone"], *self.attributes(event), event["camera"]]
        return " · ".join(part for part in parts if part)

    def attributes(self, event: Event) -> list[str]:
        """What the kind of event adds, as far as there are words for it."""
        known = ((self._texts.get(f"attribute.{name}"), value) for name, value in event["attributes"].items())
        return [form.format(value=self._value(value)) for form, value in known if form]

    def time(self, event: Event) -> str:
        """When it ended, by the clocks at the camera: the time today, day and time before."""
        zone = self.zone_of(event["camera"])
        at = _local(event["end"]["wall_time_s"], zone)
        is_today = at.date() == _local(self._now_s(), zone).date()
        return at.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S")

    def span(self, event: Event) -> str:
        """From when to when, with day and time zone; one time for what was over at once."""
        zone = self.zone_of(event["camera"])
        start, end = (_local(event[side]["wall_time_s"], zone) for side in ("start", "end"))
        if end - start < _AT_ONCE:
            return f"{start:%Y-%m-%d %H:%M:%S %Z}"
        until = end.strftime("%H:%M:%S" if start.date() == end.date() else "%Y-%m-%d %H:%M:%S")
        return f"{start:%Y-%m-%d %H:%M:%S} – {until} {start:%Z}"

    def duration(self, event: Event) -> str:
        """How long it went on; empty for what was over at once."""
        seconds = event["end"]["wall_time_s"] - event["start"]["wall_time_s"]
        return "" if seconds < _AT_ONCE.total_seconds() else duration(seconds)

    def _value(self, value: object) -> str:
        if isinstance(value, float):
            return f"{value:.0f}"
        return self._texts.get(f"direction.{value}", str(value))


def class_name(language: str, name: str) -> str:
    """`Person` for `person`; a class that has no words keeps its own."""
    return catalogue(language).get(f"class.{name}", name)


def duration(seconds: float) -> str:
    """As clocks count it.

    >>> duration(4.21), duration(75), duration(7384)
    ('4.2 s', '1:15', '2:03:04')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _local(wall_time_s: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(wall_time_s, zone)
