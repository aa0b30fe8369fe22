"""Where the events of a running server go: to the store and the sinks of its configuration, replaced on a reload."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from watchpost.clock import Clock
from watchpost.config import Configuration
from watchpost.errors import WatchpostError
from watchpost.runtime.assembly import make_delivery
from watchpost.runtime.delivery import Delivery
from watchpost.stores import EventStore
from watchpost.types import Event


class EventOutlet(Protocol):
    """What a supervisor needs of the place where its events go."""

    @property
    def store(self) -> EventStore | None:
        """Where the events are kept, if that is known here."""

    def replace(self, config: Configuration) -> None:
        """Use the store and the sinks of this configuration from now on."""

    def events(self, events: Sequence[Event]) -> None:
        """Take events; returns at once, from any thread."""

    def close(self) -> None:
        """Hand on what is waiting."""


class Outlet:
    """The delivery of a configuration. Between an old one and a new one events are held, none is lost.

    `on_events` hears of them too, from the thread that brings them: be quick.
    """

    def __init__(self, clock: Clock, on_events: Callable[[Sequence[Event]], None] = lambda _: None) -> None:
        self._clock = clock
        self._on_events = on_events
        self._delivery = Delivery(None, [], clock)
        self._delivered: Configuration | None = None
        """What the delivery is made of."""
        self._held: list[Event] | None = None
        """Events that came while the delivery is being replaced; `None` at other times."""
        self._lock = threading.Lock()

    @property
    def store(self) -> EventStore | None:
        """Where the events are kept, `None` before the first configuration."""
        return self._delivery.store

    def events(self, events: Sequence[Event]) -> None:
        """Take events; returns at once, from any thread."""
        self._on_events(events)
        with self._lock:
            if self._held is None:
                self._delivery.events(events)
            else:
                self._held += events

    def replace(self, config: Configuration) -> None:
        """The old sinks let go of queues and connections, and say goodbye, before the new ones take them up.

        Raises `WatchpostError`, and goes on with the old ones, where the new ones can not be used.
        """
        with self._lock:
            self._held = []
        self._delivery.close()
        fresh: Delivery | None = None
        try:
            fresh = make_delivery(config, self._clock)
            self._delivered = config
        except WatchpostError:
            if self._delivered is not None:
                fresh = make_delivery(self._delivered, self._clock)
            raise
        finally:
            with self._lock:
                self._delivery = fresh or Delivery(None, [], self._clock)
                self._delivery.events(self._held)
                self._held = None

    def close(self) -> None:
        """Hand on what is waiting, then close the sinks and the store."""
        self._delivery.close()
