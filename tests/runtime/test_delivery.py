"""Events reach the store and the sinks although one of them fails."""

from __future__ import annotations

import threading

from fakes import event
from watchpost.clock import ManualClock
from watchpost.runtime.delivery import Delivery
from watchpost.types import Event


class ListSink:
    name = "list"

    def __init__(self, error: Exception | None = None) -> None:
        self.got: list[Event] = []
        self.closed = threading.Event()
        self._error = error

    def send(self, event: Event) -> None:
        if self._error is not None:
            raise self._error
        self.got.append(event)

    def close(self, timeout_s: float = 5.0) -> None:
        self.closed.set()


class ListStore:
    def __init__(self, failures: int = 0) -> None:
        self.got: list[Event] = []
        self._failures = failures

    def add(self, events: list[Event]) -> None:
        if self._failures:
            self._failures -= 1
            raise OSError("disk full")
        self.got += events

    def close(self) -> None: ...


def test_all_receivers_get_every_event_in_order() -> None:
    store, sink = ListStore(), ListSink()
    delivery = Delivery(store, [sink], ManualClock())  # type: ignore[arg-type]
    events = [event(at_s=i) for i in range(1200)]
    delivery.events(events)
    delivery.close()
    assert store.got == sink.got == events
    assert sink.closed.is_set()
    assert delivery.counters["events_kept"] == 1200


def test_a_broken_sink_does_not_starve_the_others() -> None:
    store, good = ListStore(), ListSink()
    delivery = Delivery(store, [ListSink(ValueError("bug")), good], ManualClock())  # type: ignore[arg-type]
    delivery.events([event()])
    delivery.close()
    assert len(good.got) == len(store.got) == 1
    assert delivery.counters["delivery_errors"] == 1


def test_a_store_that_fails_is_tried_again() -> None:
    clock, store = ManualClock(), ListStore(failures=3)
    delivery = Delivery(store, [], clock)  # type: ignore[arg-type]
    kept = threading.Event()
    store_add = store.add

    def add(events: list[Event]) -> None:
        store_add(events)
        kept.set()

    store.add = add  # type: ignore[method-assign]
    delivery.events([event()])
    assert kept.wait(10)
    delivery.close()
    assert len(store.got) == 1
    assert clock.waits_s == [5.0, 5.0, 5.0]
    assert delivery.counters["events_lost"] == 0
