"""The one place that tries again: connect, pass packets on, and when the camera is lost, connect anew.

A camera is lost when its source raises: sources notice by themselves that a camera no longer sends.
"""

from __future__ import annotations

import dataclasses
import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal

from watchpost.clock import Clock
from watchpost.errors import SourceError
from watchpost.sources import Source
from watchpost.types import Packet
from watchpost.video.timestamps import mended

_LOG: Final = logging.getLogger(__name__)
_NOTICE_END_S: Final = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """How long to wait before the next attempt: doubled each time, so that a dead camera costs little."""

    first_delay_s: float = 1.0
    longest_delay_s: float = 60.0
    growth: float = 2.0
    jitter: float = 0.2
    """Share by which a delay is varied at random, so that cameras of one switch do not come back as one."""
    steady_after_s: float = 30.0
    """A camera that was live this long starts again with the first delay."""
    first_must_succeed: bool = False
    """Whether a failed first connection ends it: somebody waits at a terminal and may have mistyped."""

    def delay_s(self, failures: int, chance: float) -> float:
        """Seconds to wait after so many failures in a row (1, 2, ...); `chance` is a random number 0-1."""
        # Bounded before the power is taken: a camera may be away for months.
        delay_s = self.first_delay_s * self.growth ** min(failures - 1, 64)
        return min(delay_s, self.longest_delay_s) * (1 + self.jitter * (2 * chance - 1))


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """What has become of the connection."""

    name: Literal["connecting", "live", "lost"]
    reason: str = ""
    """Why it was lost."""
    retry_in_s: float = 0.0
    """When the next attempt follows a loss."""

    @property
    def detail(self) -> str:
        """Reason and next attempt as one line; empty unless lost."""
        return f"{self.reason} Trying again in {self.retry_in_s:.0f} s." if self.name == "lost" else ""


def packets(
    open_source: Callable[[], Source],
    clock: Clock,
    stop: threading.Event,
    policy: Policy | None = None,
    on_state: Callable[[State], None] | None = None,
    chance: Callable[[], float] = random.random,
) -> Iterator[Packet]:
    """The packets of one camera over all its connections, timestamps mended, until `stop` or the end of a file.

    The first packet after a loss is discontinuous. `on_state` hears of each change, from the reading thread.
    Raises `SourceError` when nothing was ever received and the error is permanent (a missing file, a wrong
    password) or the first connection must succeed, and when a file breaks off. Once a camera has worked, every
    error is taken to pass: a camera that starts up may refuse a right password for a while.
    """
    return mended(_connections(open_source, clock, stop, policy or Policy(), on_state or _ignore, chance))


def _ignore(state: State) -> None:
    """Nobody listens."""


def _connections(
    open_source: Callable[[], Source],
    clock: Clock,
    stop: threading.Event,
    policy: Policy,
    on_state: Callable[[State], None],
    chance: Callable[[], float],
) -> Iterator[Packet]:
    has_worked = False
    failures = 0
    while not stop.is_set():
        on_state(State("connecting"))
        live_since_s: float | None = None
        is_live = True
        try:
            with _closing(open_source(), stop) as source:
                for packet in source.packets():
                    if live_since_s is None:
                        live_since_s = clock.monotonic_s()
                        on_state(State("live"))
                        packet = dataclasses.replace(packet, is_discontinuous=has_worked)
                        has_worked = True
                    is_live = packet.stream.is_live
                    yield packet
                    if stop.is_set():
                        return
            return
        except SourceError as error:
            if stop.is_set():
                return
            is_final = error.permanent or policy.first_must_succeed
            if (is_final and not has_worked) or not is_live:
                raise
            reason = str(error)
        if live_since_s is not None and clock.monotonic_s() - live_since_s >= policy.steady_after_s:
            failures = 0
        failures += 1
        delay_s = policy.delay_s(failures, chance())
        on_state(State("lost", reason, delay_s))
        _LOG.debug("lost: %s Trying again in %.1f s.", reason, delay_s)
        if clock.wait(delay_s, stop):
            return


@contextmanager
def _closing(source: Source, stop: threading.Event) -> Iterator[Source]:
    """Closes the source at the end, or as soon as `stop` is set, even while a read blocks."""
    done = threading.Event()

    def close_on_stop() -> None:
        while not done.is_set():
            if stop.wait(_NOTICE_END_S):
                source.close()
                return

    threading.Thread(target=close_on_stop, name="close on stop", daemon=True).start()
    try:
        yield source
    finally:
        done.set()
        source.close()
