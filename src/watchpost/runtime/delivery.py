"""Where events go once they are known: store, sinks and whoever else listens, without slowing a camera."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from watchpost.clock import Clock
from watchpost.errors import WatchpostError
from watchpost.sinks import Sink
from watchpost.stores import EventStore
from watchpost.telemetry import Counters
from watchpost.types import Event

_LOG = logging.getLogger(__name__)
_QUEUED_EVENTS: Final = 10_000
_BATCH: Final = 500
_RETRY_S: Final = 5.0


class Delivery:
    """Takes events from all cameras and hands them on from a thread of its own.

    A store that fails is tried again every five seconds, with the events kept in order; beyond 10,000 waiting
    events the oldest are lost to the store and counted as `events_lost`. Sinks queue on disk themselves.
    """

    def __init__(self, store: EventStore | None, sinks: Sequence[Sink], clock: Clock) -> None:
        self.counters = Counters()
        self.store = store
        """Where events are kept, for readers too."""
        self._sinks = sinks
        self._clock = clock
        self._waiting: deque[Event] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event delivery", daemon=True)
        self._thread.start()

    def events(self, events: Iterable[Event]) -> None:
        """Take events; returns at once."""
        with self._changed:
            for event in events:
                if len(self._waiting) >= _QUEUED_EVENTS:
                    self._waiting.popleft()
                    self.counters.add("events_lost")
                self._waiting.append(event)
            self._changed.notify()

    def close(self, timeout_s: float = 5.0) -> None:
        """Hand on what is waiting, then close the sinks and the store."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        self._thread.join(timeout_s)
        for sink in self._sinks:
            sink.close(timeout_s)
        if self.store is not None:
            self.store.close()

    def _run(self) -> None:
        while batch := self._next_batch():
            for sink in self._sinks:
                for event in batch:
                    self._attempt(f"sink {sink.name}", partial(sink.send, event))
            self._keep(batch)

    def _next_batch(self) -> list[Event]:
        with self._changed:
            while not self._waiting and not self._closing.is_set():
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]

    def _keep(self, batch: list[Event]) -> None:
        if self.store is None:
            return
        while not self._attempt("event store", partial(self.store.add, batch)):
            if self._clock.wait(_RETRY_S, self._closing):
                self.counters.add("events_lost", len(batch))
                return
        self.counters.add("events_kept", len(batch))

    def _attempt(self, what: str, action: Callable[[], None]) -> bool:
        try:
            action()
        except (WatchpostError, OSError) as error:
            self.counters.add("delivery_errors")
            _LOG.warning("%s: %s", what, error)
            return False
        except Exception:  # one broken receiver must not starve the others
            self.counters.add("delivery_errors")
            _LOG.exception("%s failed", what)
            return False
        return True
