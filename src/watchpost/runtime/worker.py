"""A worker process: the supervisor of some of a server's cameras, at the other end of a socket.

Run as `python -m watchpost.runtime.worker NAME [--verbose]` by `worker_process.py`; the socket is its standard input.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Final

from watchpost.clock import Clock, SystemClock
from watchpost.config import Configuration
from watchpost.errors import WatchpostError
from watchpost.runtime.allocator import keep_memory_low
from watchpost.runtime.boxes import BoxFeed
from watchpost.runtime.figures import Figures
from watchpost.runtime.link import Link, Message
from watchpost.runtime.live import LiveHub
from watchpost.runtime.relay import WATCHED_FOR_S
from watchpost.runtime.stream_relay import StreamPump
from watchpost.runtime.supervisor import Supervisor
from watchpost.runtime.taps import Taps
from watchpost.runtime.worker_messages import (
    event_message,
    footprint_message,
    picture_message,
    read_apply,
    report_message,
)
from watchpost.stores import EventStore
from watchpost.telemetry import configure_logging
from watchpost.types import Event

_LOG: Final = logging.getLogger(__name__)
_LOOK_S: Final = 1.0
_REPORT_S: Final = 1.0
_FOOTPRINTS_EVERY: Final = 60
"""Reports between two tellings of where people stood."""
_PICTURE_S: Final = 1 / 15
_FLUSH_S: Final = 5.0


class LinkOutlet:
    """Events go to the server, which has the store and the sinks."""

    store: EventStore | None = None

    def __init__(self, link: Link) -> None:
        self._link = link

    def replace(self, config: Configuration) -> None:
        """Nothing: the server does it."""

    def events(self, events: Sequence[Event]) -> None:
        """Send the events; returns at once."""
        for event in events:
            self._link.send(event_message(event))

    def close(self) -> None:
        """Nothing: the link is closed last of all."""


class Worker:
    """Does what the server says until it says `stop`, or is gone."""

    def __init__(self, end: socket.socket, clock: Clock) -> None:
        self._clock = clock
        self._hub = LiveHub(clock)
        self._link = Link(end, "server", self._hear)
        self._taps, self._boxes = Taps(), BoxFeed()
        self._pump = StreamPump(self._taps, self._boxes, self._link.send_streamed)
        self._told: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._supervisor: Supervisor | None = None
        self._turned_s = clock.monotonic_s()
        """When the main loop came round the last time."""
        self._watched: dict[tuple[str, int], float] = {}
        """Until when pictures are sent, by camera and width."""
        self._watch_lock = threading.Lock()
        self._is_watched = threading.Event()
        self._stop = threading.Event()

    def run(self) -> None:
        """Returns when all cameras have stopped and their events are sent."""
        self._link.start()
        for work in (self._report_all_the_time, self._send_pictures, self._send_streams):
            threading.Thread(target=work, name=work.__name__.strip("_"), daemon=True).start()
        try:
            while not (self._stop.is_set() or self._link.ended.is_set()):
                self._turn()
        finally:
            if self._supervisor is not None:
                self._supervisor.close()
            self._tell_footprints()
            self._stop.set()
            self._link.close(_FLUSH_S)

    def ask_to_stop(self) -> None:
        """End soon; also from a signal handler."""
        self._stop.set()
        self._told.put(Message("stop"))

    def _turn(self) -> None:
        self._turned_s = self._clock.monotonic_s()
        try:
            message = self._told.get(timeout=_LOOK_S)
        except queue.Empty:
            pass
        else:
            if message.kind == "apply":
                self._apply(message)
            elif message.kind == "stop":
                self._stop.set()
        if self._supervisor is not None and not self._stop.is_set():
            self._supervisor.tend()

    def _apply(self, message: Message) -> None:
        config, threads = read_apply(message)
        if self._supervisor is None:
            outlet = LinkOutlet(self._link)
            self._supervisor = Supervisor(self._hub, self._clock, outlet, threads, self._taps, self._boxes)
        try:
            self._supervisor.apply(config)
        except WatchpostError as error:
            _LOG.error("the configuration is not used: %s", error)

    def _hear(self, message: Message) -> None:
        if message.kind == "watch":
            with self._watch_lock:
                wanted = str(message.data["camera"]), int(message.data["width"])
                self._watched[wanted] = self._clock.monotonic_s() + WATCHED_FOR_S
            self._is_watched.set()
        elif message.kind == "watch_streams":
            self._pump.watch(message)
        elif message.kind == "wake" and self._supervisor is not None:
            self._supervisor.wake(str(message.data["camera"]), float(message.data["seconds"]))
        else:
            self._told.put(message)

    def _report_all_the_time(self) -> None:
        reports = 0
        while not self._clock.wait(_REPORT_S, self._stop):
            self._report()
            reports += 1
            if reports % _FOOTPRINTS_EVERY == 0:
                self._tell_footprints()

    def _tell_footprints(self) -> None:
        for each in [] if self._supervisor is None else self._supervisor.footprints():
            self._link.send(footprint_message(each))

    def _report(self) -> None:
        statuses = self._hub.cameras()
        sequences = {status.name: self._hub.sequence(status.name) or 0 for status in statuses}
        figures = Figures((), {}) if self._supervisor is None else self._supervisor.figures()
        busy_s = self._clock.monotonic_s() - self._turned_s
        self._link.send_newest("report", report_message(statuses, sequences, figures, busy_s))

    def _send_streams(self) -> None:
        self._pump.run(self._stop)

    def _send_pictures(self) -> None:
        sent: dict[tuple[str, int], int] = {}
        while not self._stop.is_set():
            with self._watch_lock:
                now_s = self._clock.monotonic_s()
                self._watched = {each: until_s for each, until_s in self._watched.items() if until_s > now_s}
                watched = list(self._watched)
                if not watched:
                    self._is_watched.clear()
            sent = {each: sent[each] for each in watched if each in sent}
            for each in watched:
                self._send_picture(each, sent)
            if watched:
                self._clock.wait(_PICTURE_S, self._stop)
            else:
                self._is_watched.wait(_LOOK_S)

    def _send_picture(self, each: tuple[str, int], sent: dict[tuple[str, int], int]) -> None:
        camera, width = each
        # the one before may still be here: then the server is slow, and another would be drawn for nothing
        if self._hub.sequence(camera) == sent.get(each, 0) or self._link.is_waiting(each):
            return
        found = self._hub.jpeg(camera, width)
        if found is not None:
            sent[each] = found[0]
            self._link.send_newest(each, picture_message(camera, width, *found))


def main(name: str, *, is_verbose: bool) -> None:
    """Be the worker `name` of the server at the other end of standard input."""
    keep_memory_low()
    configure_logging(logging.DEBUG if is_verbose else logging.INFO, process=name)
    end = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    worker = Worker(end, SystemClock())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: worker.ask_to_stop())
    try:
        worker.run()
    except Exception:  # not left to Python, which would hide no password
        _LOG.exception("this worker can not go on")
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1], is_verbose="--verbose" in sys.argv[2:])
