"""One camera's place at a shared detector: its newest frame goes in, its results come out in their order."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from watchpost.runtime.adaptive import Wish
from watchpost.runtime.due import Due
from watchpost.types import Detections, Frame

_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class SeatCounts:
    """What has become of a camera's frames; of those that waited for room, `wanted` and `dropped` know nothing."""

    wanted: int = 0
    """Offered and due."""
    skipped: int = 0
    """Offered, but not due at the camera's rate."""
    dropped: int = 0
    """Wanted, but replaced by a newer one before the detector had time for it."""
    detected: int = 0
    failed: int = 0
    """The detector raised, or did not answer."""

    def __add__(self, other: SeatCounts) -> SeatCounts:
        return SeatCounts(
            self.wanted + other.wanted,
            self.skipped + other.skipped,
            self.dropped + other.dropped,
            self.detected + other.detected,
            self.failed + other.failed,
        )


@dataclass(slots=True, eq=False)
class Job:
    """A frame that is with the detector."""

    frame: Frame
    outcome: Detections | Exception | None = None
    """`None` until there is one."""


class Seat:
    """Made by `Batcher.join`. One thread offers, one takes the results.

    At most one frame waits, and at most `ahead` are in detection or have results that nobody has taken yet: who
    is slow to take them gets no further frames analysed, and holds up nobody else.
    """

    def __init__(
        self,
        name: str,
        lock: threading.Lock,
        wish: Wish,
        *,
        ahead: int,
        fps: Callable[[Wish], float],
        on_change: Callable[[Seat], None],
        on_leave: Callable[[Seat], None],
        forgives: bool = False,
    ) -> None:
        self.name = name
        self.counts = SeatCounts()
        self.wish = wish
        """The rate that the camera wants; to be set at any time, from any thread."""
        self._lock = lock
        self._slot_free = threading.Condition(lock)
        self._answered = threading.Condition(lock)
        self._ahead = ahead
        self._fps = fps
        self._on_change = on_change
        self._on_leave = on_leave
        self._forgives = forgives
        self._due = Due(0.0)
        self._slot: Frame | None = None
        self._pending: deque[Job] = deque()
        self._is_closed = False
        self._owes_restart = False
        """A frame that was not taken said that the clock restarted; so must the next that is."""
        self._lost_restart = False
        """The same, of a frame whose detection failed."""

    def offer(self, frame: Frame, *, wait: bool = False, always: bool = False, patience_s: float | None = None) -> bool:
        """Hand over the camera's newest frame; frames come in order of presentation, from one thread.

        At once, in place of one that still waits (it is counted as dropped), and only if one is due at the camera's
        rate; with `wait` when there is room: for files however long that takes, else at the latest after `patience_s`,
        as a detector may hang. False when it was not taken: not due, or the seat is closed.
        With `always` the rate does not matter, and does not count the frame: for single frames while a camera sleeps.
        A frame that is lost on the way leaves its `is_discontinuous` to the next.
        """
        # without the lock, which all cameras share: most frames are not due, and where many cameras wait for it each
        # has to be given Python's own lock, too, before it can pass it on
        fps = self.wish.fps if wait else self._fps(self.wish)
        self._due.interval_s = 1 / fps
        if not always and not self._due(frame.camera_time_s):
            self.counts.skipped += 1
            self._owes_restart |= frame.is_discontinuous
            return False
        with self._lock:
            has_room = wait and self._slot_free.wait_for(lambda: self._slot is None or self._is_closed, patience_s)
            if self._is_closed:
                return False
            if not has_room:
                self.counts.wanted += 1
                if self._slot is not None:
                    self.counts.dropped += 1
                    self._owes_restart |= self._slot.is_discontinuous
            self._slot = _restarted(frame) if self._owes_restart else frame
            self._owes_restart = False
            self._on_change(self)
            return True

    def results(self) -> Iterator[tuple[Frame, Detections]]:
        """Each frame that was detected, in the order of the offers, with what was found, until the seat is closed.

        What the detector raised for a frame is raised in its turn, `DetectorHungError` for one that it did not answer
        in time. The seat is good for more after that: call it again. Where the batcher `heals`, such frames are left
        out, and logged now and then.
        """
        while True:
            with self._lock:
                while not self._is_over and not (self._pending and self._pending[0].outcome is not None):
                    self._answered.wait()
                if not self._pending:
                    break
                job = self._pending.popleft()
                self._on_change(self)
            if isinstance(job.outcome, Exception):
                self._lost_restart |= job.frame.is_discontinuous
                if not self._forgives:
                    raise job.outcome
                self._log_failure(job.outcome)
                continue
            if job.outcome is not None:
                frame = _restarted(job.frame) if self._lost_restart else job.frame
                self._lost_restart = False
                yield frame, job.outcome
                del frame  # the next may be hours away: a camera that sleeps holds no picture
            del job
        self._on_leave(self)

    def close(self, *, discard: bool = False) -> None:
        """Take no more; `results` ends after what was taken, or with `discard` at once."""
        with self._lock:
            if discard:
                self._pending.clear()
            self.shut(discard_waiting=discard, discard_started=discard)
        if discard:
            self._on_leave(self)

    @property
    def granted_fps(self) -> float:
        """What is granted of the wished rate at present, frames per second."""
        return self._fps(self.wish)

    def _log_failure(self, error: Exception) -> None:
        count = self.counts.failed
        if count == 10 ** (len(str(count)) - 1):  # the first, the tenth, the hundredth ...
            _LOG.warning("%s: no result for %d frames so far, the last time: %s", self.name, count, error)

    @property
    def _is_over(self) -> bool:
        return self._is_closed and self._slot is None and not self._pending

    # From here on for the batcher, which holds the lock.

    @property
    def is_ready(self) -> bool:
        """A frame waits, and there is room for its result."""
        return self._slot is not None and len(self._pending) < self._ahead

    def start(self) -> Job:
        """The frame that waits, from now on with the detector."""
        assert self._slot is not None  # noqa: S101 - the batcher asks only who is ready
        job = Job(self._slot)
        self._slot = None
        self._pending.append(job)
        self._slot_free.notify()
        return job

    def finish(self, job: Job, outcome: Detections | Exception) -> None:
        """What has become of a job."""
        job.outcome = outcome
        if isinstance(outcome, Exception):
            self.counts.failed += 1
        else:
            self.counts.detected += 1
        if self._pending and self._pending[0] is job:
            self._answered.notify()

    def shut(self, *, discard_waiting: bool, discard_started: bool) -> None:
        """Take no more, and let go of the frame that waits, and of the jobs that have no outcome yet."""
        self._is_closed = True
        if discard_waiting:
            self._slot = None
            self._on_change(self)
        if discard_started:
            self._pending = deque(job for job in self._pending if job.outcome is not None)
        self._slot_free.notify()
        self._answered.notify()


def _restarted(frame: Frame) -> Frame:
    return frame if frame.is_discontinuous else dataclasses.replace(frame, is_discontinuous=True)


def rate(wish: Wish, minimum_fps: float, granted_fps: float) -> float:
    """The wished rate, or what is granted of it, but no less than the guaranteed one. Frames per second.

    >>> rate(Wish(5.0, is_quiet=True), minimum_fps=1.0, granted_fps=0.5)
    1.0
    """
    return min(wish.fps, max(minimum_fps, granted_fps))
