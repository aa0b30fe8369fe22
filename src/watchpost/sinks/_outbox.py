"""At-least-once delivery in the background, for sinks that send over a network."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from watchpost.clock import Clock
from watchpost.errors import WatchpostError
from watchpost.options import Options, Seconds
from watchpost.sinks._queue import DiskQueue
from watchpost.telemetry import Counters, redacted
from watchpost.types import Event

_LOG = logging.getLogger(__name__)
_FIRST_RETRY_S: Final = 1.0
_LAST_RETRY_S: Final = 300.0


Timeout = Annotated[Seconds, Field(gt=0, le=3600)]


class QueueOptions(Options):
    """Where events wait while the receiver is slow or down."""

    queue: Path = Path("watchpost-queue")
    """A folder, made where it is missing, for its owner alone; each sink keeps a file of its own in it."""
    queue_events: int = Field(default=10_000, ge=1)
    """Events to keep; beyond it the oldest are dropped and counted."""
    queue_mb: int = Field(default=200, ge=1)
    """Megabytes to keep, snapshots included."""


class NotNowError(Exception):
    """The receiver can not take the event at present; it is tried again, `after_s` seconds from now or later."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class RefusedError(Exception):
    """The receiver will never take this event."""


class Outbox:
    """A queue on disk and the one thread that delivers from it, in order, with growing delay after a failure.

    `deliver(event)` sends one event, or raises `NotNowError` or `RefusedError`. An event stays in the queue
    until it is delivered, so one whose answer is lost is sent twice; receivers tell by its id.
    """

    def __init__(
        self, name: str, file: str, options: QueueOptions, deliver: Callable[[Event], None], clock: Clock
    ) -> None:
        self.name = name
        self._deliver = deliver
        self._clock = clock
        self._counters = Counters()
        self._queue = DiskQueue(options.queue / file, options.queue_events, options.queue_mb * 1_000_000)
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._abandoned = threading.Event()
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name=f"outbox {name}", daemon=True)

    def start(self) -> None:
        """Begin to deliver, also what an earlier run has left."""
        self._thread.start()

    @property
    def counts(self) -> dict[str, int]:
        """`sent`, `dropped` and `refused` so far, and how many are `waiting`."""
        named = {name: self._counters[name] for name in ("sent", "dropped", "refused")}
        return named | {"waiting": len(self._queue)}

    def put(self, event: Event) -> None:
        """Queue an event. Raises `WatchpostError` when it can not be written to disk or the outbox is closed."""
        if self._closing.is_set():
            raise WatchpostError(f"the sink {self.name} is closed.")
        dropped = self._queue.put(event)
        if dropped:
            if not self._counters["dropped"]:
                _LOG.warning("%s: the queue is full, the oldest events are dropped from now on", self.name)
            self._counters.add("dropped", dropped)
        with self._changed:
            self._changed.notify()

    def retry_now(self) -> None:
        """Do not wait any longer: the receiver is back."""
        self._wake.set()

    def close(self, timeout_s: float) -> None:
        """Deliver what is waiting, as long as that works and for `timeout_s` at most. Safe to call twice."""
        with self._changed:
            self._closing.set()
            self._wake.set()
            self._changed.notify()
        self._thread.join(timeout_s)
        self._abandoned.set()

    def _run(self) -> None:
        delay_s = 0.0
        while True:
            try:
                item = self._next()
                if item is None:
                    break
                wait_s = self._attempt(*item)
            except WatchpostError as error:  # the queue's disk; it may have room again later
                _LOG.error("%s: %s", self.name, error)
                wait_s = 0.0
            if wait_s is None:
                delay_s = 0.0
            elif self._closing.is_set():
                break
            else:
                delay_s = min(max(_FIRST_RETRY_S, 2 * delay_s), _LAST_RETRY_S)
                if self._clock.wait(max(delay_s, wait_s), until=self._wake) and not self._closing.is_set():
                    self._wake.clear()
        self._queue.close()

    def _next(self) -> tuple[int, Event] | None:
        """The next event; waits for one. `None` when the outbox is closed."""
        with self._changed:
            while not self._abandoned.is_set():
                item = self._queue.oldest()
                if item is not None or self._closing.is_set():
                    return item
                self._changed.wait()
        return None

    def _attempt(self, number: int, event: Event) -> float | None:
        """Deliver one event; the least seconds to wait when it must be tried again, `None` when it is done with."""
        try:
            self._deliver(event)
        except NotNowError as error:
            if not self._is_failing:
                _LOG.warning("%s: %s; %d waiting", self.name, redacted(str(error)), len(self._queue))
            self._is_failing = True
            return error.after_s
        except RefusedError as error:
            self._counters.add("refused")
            count = self._counters["refused"]
            _LOG.error("%s: event %s given up (%d so far): %s", self.name, event.id, count, redacted(str(error)))
        except Exception:  # a defect here must not stop the events after this one
            self._counters.add("refused")
            _LOG.exception("%s: event %s given up", self.name, event.id)
        else:
            self._counters.add("sent")
            if self._is_failing:
                _LOG.info("%s: delivers again", self.name)
            self._is_failing = False
        self._queue.remove(number)
        return None
