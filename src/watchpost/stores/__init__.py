"""Where events are kept and found again.

A store is a plugin file with `Options` and `create(options) -> EventStore`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from watchpost.types import Event


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are asked for; what is `None` or empty does not restrict."""

    text: str | None = None
    """Words that must all occur in camera, rule, kind, class, zone or attributes, in capitals or not."""
    cameras: frozenset[str] = frozenset()
    class_names: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    since_wall_time_s: float | None = None
    """Events that ended at this time or later."""
    until_wall_time_s: float | None = None
    """Events that started before this time."""
    limit: int = 100
    newest_first: bool = True
    """By the time at which the events ended."""


class EventStore(Protocol):
    """Events that outlive the program. Methods may be called from several threads.

    All raise `WatchpostError` when the store can not be read or written.
    """

    def add(self, events: Iterable[Event]) -> None:
        """Keep events; an id that is there already is replaced. Returns when they are on disk."""

    def search(self, query: EventFilter) -> list[Event]:
        """The events that fit, without snapshots."""

    def snapshot(self, event_id: str) -> bytes | None:
        """The JPEG of an event, `None` where there is none."""

    def prune(self, before_wall_time_s: float) -> int:
        """Delete the events that ended before this; returns how many."""

    def close(self) -> None:
        """Finish writing and let go of the files. Safe to call twice."""
