"""Keeps a server's history: looks at the cameras every few seconds, and once a minute at what was counted."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from watchpost.clock import Clock
from watchpost.config import Configuration
from watchpost.errors import WatchpostError
from watchpost.runtime.camera_watch import CameraWatch
from watchpost.runtime.figures import Figures
from watchpost.runtime.footprints import Footprint
from watchpost.runtime.history import FILE, History
from watchpost.runtime.history.delays import HOUR_S, bin_of
from watchpost.runtime.live import LiveHub
from watchpost.runtime.rates import Rates
from watchpost.runtime.system_events import SERVER
from watchpost.runtime.usage import UsageMeter
from watchpost.types import Event

_LOG: Final = logging.getLogger(__name__)
_LOOK_S: Final = 2.0
_MINUTE_S: Final = 60.0
_PRUNE_S: Final = 3600.0
_MOST_WAITING: Final = 100_000
"""Sums that wait while the file can not be used."""
_SINCE_START: Final = frozenset({"appeared", "entered", "crossed", "crowded"})
"""Kinds that are told as soon as they have begun: late is what lies between the first frame and the telling."""
_AFTERWARDS: Final = frozenset({"left", "exited", "thinned"})
"""Kinds that wait on purpose, for somebody who might come back: they say nothing of delays."""


def alert_delay_s(event: Event, now_s: float) -> float | None:
    """From the arrival of the frame that an event is about to this moment; `None` where it says nothing of delays."""
    if event.camera == SERVER or event.kind in _AFTERWARDS:
        return None
    moment = event.start if event.kind in _SINCE_START else event.end
    return max(0.0, now_s - moment.wall_time_s)


class Historian:
    """A thread of its own, so that a slow disk holds up nobody. `announce` is given the server's events about its
    cameras; `see_events` is called with all events as they are handed on, from any thread.

    Trouble with the file is told once in the log, and then nothing is kept until it can be used again.
    """

    def __init__(
        self,
        clock: Clock,
        hub: LiveHub,
        figures: Callable[[], Figures],
        footprints: Callable[[], list[Footprint]],
        announce: Callable[[Event], None],
    ) -> None:
        self._clock = clock
        self._hub = hub
        self._figures = figures
        self._footprints = footprints
        self._watch = CameraWatch(clock, announce)
        self._rates = Rates(clock)
        self._usage: UsageMeter | None = None
        self._path: Path | None = None
        self._keep_s = 0.0
        self._history: History | None = None
        self._delays: Counter[tuple[int, str, int]] = Counter()
        self._lock = threading.Lock()
        self._minute_s = self._pruned_s = float("-inf")
        self._problem = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)

    @property
    def history(self) -> History | None:
        """What is kept, `None` where it can not be used."""
        return self._history

    def apply(self, config: Configuration) -> None:
        """Keep the history of this configuration, in its data folder, from now on."""
        self._keep_s = config.history.keep
        if self._path is None:  # like the recordings, it stays where it is until the server is restarted
            self._path = config.data / FILE
            self._usage = UsageMeter(self._clock, config.data)
            self._thread.start()

    def see_events(self, events: Sequence[Event]) -> None:
        """Note how late events are; returns at once."""
        now_s = self._clock.wall_time_s()
        with self._lock:
            for event in events:
                if (delay_s := alert_delay_s(event, now_s)) is not None and len(self._delays) < _MOST_WAITING:
                    self._delays[int(now_s // HOUR_S) * HOUR_S, event.camera, bin_of(delay_s)] += 1

    def close(self) -> None:
        """Keep what there is and end the thread."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(5.0)

    def _run(self) -> None:
        while not self._clock.wait(_LOOK_S, self._stop):
            self.look()
        self.finish()

    def look(self) -> None:
        """One round of the thread's work. Cameras are watched also while nothing can be kept."""
        self._attempt(self._open)
        self._attempt(self._look)

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except WatchpostError as error:
            self._tell(str(error))
            self._let_go()  # what was not written is begun anew once the file can be used again
        except Exception:  # whatever it is, it costs a look and not the history of days
            _LOG.exception("history")

    def _look(self) -> None:
        self._watch.look(self._hub.cameras(), None if self._history is None else self._history.states)
        if self._clock.monotonic_s() - self._minute_s >= _MINUTE_S:
            self._minute_s = self._clock.monotonic_s()
            self._keep_minute()
        if self._history is not None:
            self._problem = ""

    def finish(self) -> None:
        """Keep what has not been kept, and let go of the file."""
        if self._history is None:
            return
        try:
            self._keep_sums(self._history)
            self._history.states.end([status.name for status in self._hub.cameras()], self._clock.wall_time_s())
        except WatchpostError as error:
            self._tell(str(error))
        finally:
            self._let_go()

    def _open(self) -> None:
        if self._history is None and self._path is not None:
            self._history = History(self._path)
            self._watch.resume(self._history.states)

    def _let_go(self) -> None:
        history, self._history = self._history, None
        if history is not None:
            history.close()

    def _keep_minute(self) -> None:
        history, now_s = self._history, self._clock.wall_time_s()
        found = self._rates.read(self._figures())
        if self._usage is not None:
            found |= self._usage.read()
        if history is None:
            return
        history.states.go_on(now_s)
        history.figures.keep(now_s, found)
        self._keep_sums(history)
        if self._clock.monotonic_s() - self._pruned_s >= _PRUNE_S:
            self._pruned_s = self._clock.monotonic_s()
            history.prune(now_s, self._keep_s)

    def _keep_sums(self, history: History) -> None:
        with self._lock:
            delays, self._delays = self._delays, Counter()
        if delays:
            history.delays.add(delays)
        if footprints := self._footprints():
            history.footprints.add(footprints)

    def _tell(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            _LOG.error("the history is not kept: %s", problem)
